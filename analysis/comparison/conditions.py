"""What a comparison rests on, in sentences: conditions that differ, seeds, how noise is judged, and
the paper's footnotes."""

from collections.abc import Sequence

from analysis import paper
from analysis.read.summary import Summary, chose, grouped, label, ordered


def notes(summaries: Sequence[Summary]) -> list[str]:
    """`remarks`, then `readings`."""
    return remarks(summaries) + readings(summaries)


def readings(summaries: Sequence[Summary]) -> list[str]:
    """How we read what the paper leaves open, of the regimes in the table; none where none is the
    paper's."""
    return [
        f"Reading the paper: {footnote}"
        for footnote in paper.footnotes(summary["regime"] for summary in summaries)
    ]


def remarks(summaries: Sequence[Summary]) -> list[str]:
    """What these searches' rows rest on, a sentence or two each; none for no summaries."""
    rows = ordered(summaries)
    if not rows:
        return []
    found = [
        (
            "Accuracies in percent; losses in nats. Trial 0 has the regime's defaults, for the"
            " paper's regimes the paper's values, on the search's seed."
        ),
        (
            "Every run keeps the weights of its best validation epoch, so its validation accuracy"
            " is a maximum over epochs; no test number is selected."
        ),
    ]
    return (
        found
        + _uncompared(rows)
        + _differing(rows)
        + _seeds(rows)
        + _judgement(rows)
        + _batch_sizes(rows)
    )


def _uncompared(rows: Sequence[Summary]) -> list[str]:
    """Which searches are not held against the paper, and why."""
    reasons = grouped(
        rows, lambda one: None if one["comparable"] else one["why_not"] or "no reason is recorded"
    )
    return [f"{who}: not compared with the paper: {why}." for why, who in reasons]


def _differing(rows: Sequence[Summary]) -> list[str]:
    """Where the encoder is not the paper's, and where rows differ from each other in more than the
    regime."""
    others = grouped(rows, lambda one: one["model"] if one["encoder_is_papers"] is False else None)
    found = [
        f"{who}: the encoder is {model}, not {paper.ENCODER}, the paper's as we read it."
        for model, who in others
    ]
    for what, groups in (
        ("data", grouped(rows, lambda one: one["data"])),
        ("model", grouped(rows, lambda one: one["model"])),
    ):
        if len(groups) > 1:
            parts = "; ".join(f"{who}: {value}" for value, who in groups)
            found.append(
                f"The searches differ in {what}, so their rows differ in more than the regime."
                f" {parts}."
            )
    return found


def _seeds(rows: Sequence[Summary]) -> list[str]:
    """On how many seeds the confirmed and test numbers rest."""
    found = []
    for n, who in grouped(rows, lambda one: None if chose(one) else len(one["confirmed_accuracy"])):
        unused = "used neither by the search nor to choose the winner"
        if n == 0:
            found.append(
                f"{who}: not confirmed on fresh seeds. The best in a search is a maximum, and so"
                " too high."
            )
        elif n == 1:
            found.append(
                f"{who}: confirmed on one fresh seed (n=1), {unused}; there is no interval."
            )
        else:
            found.append(
                f"{who}: means over n={n} fresh seeds, {unused}, ± the 95 % interval of Student's"
                f" t.{_few(n)}"
            )
    for n, who in grouped(rows, lambda one: len(one["confirmed_accuracy"]) if chose(one) else None):
        interval = ", ± the 95 % interval of Student's t" if n > 1 else ""
        found.append(
            f"{who}: its numbers come from n={n} runs that also chose the winner, as an earlier"
            f" version of Regimen did{interval}. They are a little too high; --resume adds runs on"
            f" fresh seeds.{_few(n)}"
        )
    for n, who in grouped(rows, lambda one: one.get("confirmed_failed") or None):
        found.append(
            f"{who}: {n} of the winner's runs on fresh seeds failed and {'is' if n == 1 else 'are'}"
            " left out, which flatters it."
        )
    return found


def _few(n: int) -> str:
    return " Two seeds say little of their spread, hence the width." if n == 2 else ""


def _judgement(rows: Sequence[Summary]) -> list[str]:
    """Whose table it is, and how a difference from it is judged."""
    compared = [one for one in rows if one["comparable"] and paper.row(one["regime"])]
    tested = [one for one in compared if one["test"]]
    found = [f"The paper: {paper.CITATION}, Table 7."] if compared else []
    if tested:
        found.append(
            "Difference to paper: percentage points, ± the 95 % noise of our seeds, of the"
            " published run's one seed (its spread taken as ours) and of the test sentences'"
            " sampling in either number, in quadrature."
        )
    alone = [who for n, who in grouped(tested, lambda one: len(one["test"])) if n == 1]
    return found + [
        f"{who}: with n=1 the noise has the test sentences' share only, and is too small."
        for who in alone
    ]


def _batch_sizes(rows: Sequence[Summary]) -> list[str]:
    """Where the loss in the paper's definition, which shrinks as batches grow, is at another batch
    size than the paper's."""
    found = []
    for one in rows:
        published = paper.row(one["regime"]) if one["comparable"] and one["test"] else None
        if published and one["batch_size"] not in (None, published.loss_batch_size):
            found.append(
                f"{label(one, rows)}: its loss in the paper's definition is at batch size"
                f" {one['batch_size']}, the published one fits {published.loss_batch_size}; the"
                " quantity shrinks as batches grow, so the two do not compare."
            )
    return found
