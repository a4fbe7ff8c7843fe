"""The conditions a comparison rests on, as sentences.

What differs between the searches, how many seeds were run, how noise is estimated, and how the
paper is read.
"""

from collections.abc import Mapping, Sequence

from analysis import paper
from analysis.comparison.rows import grouped, is_papers, label, ordered
from analysis.comparison.settle import more_seeds
from analysis.evidence import Difference, Evidence
from analysis.metric import WORDS, Metric
from analysis.read.contents import Contents
from analysis.read.summary import Summary

INTERVALS = (
    "± is the 95 % interval over seeds, on the same sentences. How much a recipe varies over seeds"
    " is estimated from all runs on the same data, model and budget in the results folder; df is"
    " their degrees of freedom (a recipe's runs minus one, summed over recipes), to which a weak"
    " prior from recorded searches adds about three."
)
NEW_SENTENCES = (
    "On new sentences: the interval of the test score on other sentences like these, over seeds and"
    " sentences. It is wider, because a test split is a sample too."
)
SCORES: Mapping[Metric, str] = {"accuracy": "Accuracies", "macro_f1": "Macro-F1 scores"}
MACRO_F1 = (
    "Trials were ranked, pruned and chosen by macro-F1, the mean F1 of the labels. Differences and"
    " intervals are about it too. On new sentences its interval is approximate: it depends on the"
    " number of sentences of each label, and models are not compared sentence by sentence, so the"
    " interval of a difference is an upper bound."
)


def notes(
    summaries: Sequence[Summary], evidence: Evidence | None = None, results: str = ""
) -> list[str]:
    """`remarks`, followed by `readings`."""
    return remarks(summaries, evidence, results) + readings(summaries)


def readings(summaries: Sequence[Summary]) -> list[str]:
    """How details that the paper leaves open are read, for its regimes among the searches; nothing
    where data or encoder are not the paper's."""
    if not is_papers(summaries):
        return []
    return [
        f"Reading the paper: {footnote}"
        for footnote in paper.footnotes(summary.regime for summary in summaries)
    ]


def remarks(
    summaries: Sequence[Summary], evidence: Evidence | None = None, results: str = ""
) -> list[str]:
    """The conditions of these searches' rows, a sentence or two each; empty for no summaries.

    `results`: the `--results` flag of commands about them.
    """
    evidence = evidence or Evidence(summaries)
    rows = ordered(summaries)
    if not rows:
        return []
    metric = rows[0].metric
    general = [
        (
            f"{SCORES[metric]} are in percent, losses in nats. Trial 0 uses the regime's default"
            " configuration (for the paper's regimes, the paper's values) and the search's seed."
        ),
        *_kept_epochs(rows),
        *_metric(rows),
    ]
    return [
        *general,
        *_not_compared(rows),
        *_other_encoders(rows),
        *_differences(rows),
        *_fresh_seeds(rows),
        *_intervals(rows),
        *_selection_bias(rows),
        *_failed_runs(rows),
        *_equal_trials(rows),
        *_floors(rows),
        *([*_paper(rows, evidence, results), *_batch_sizes(rows)] if is_papers(rows) else []),
    ]


def exceptions(summaries: Sequence[Summary]) -> list[str]:
    """Of `remarks`, those that say how these rows are not as usual."""
    rows = ordered(summaries)
    return [
        *_differences(rows),
        *_selection_bias(rows),
        *_failed_runs(rows),
        *_equal_trials(rows),
    ]


def _kept_epochs(rows: Sequence[Summary]) -> list[str]:
    """Which epoch a run keeps, and so what its score on validation is."""
    words, sentences = WORDS[rows[0].metric], list[str]()
    folded = grouped(rows, lambda row: row.folds)
    if any(row.folds is None for row in rows):
        runs = "Each other run" if folded else "Each run"
        sentences.append(
            f"{runs} keeps the weights of its best validation epoch, so its validation"
            f" {words} is a maximum over epochs."
        )
    sentences += [
        f"{labels}: validation is cross-validation with {folds} folds: all training rows, each"
        " classified by a model that was not trained on it. Every model keeps its last epoch."
        for folds, labels in folded
    ]
    return [f"{' '.join(sentences)} Nothing is selected on the test split."]


def _metric(rows: Sequence[Summary]) -> list[str]:
    """What chose, where that is not the accuracy."""
    if not rows or rows[0].metric == "accuracy":
        return []
    return [MACRO_F1]


def _not_compared(rows: Sequence[Summary]) -> list[str]:
    """Which searches are not compared with the paper, and why."""
    reasons = grouped(
        rows, lambda row: None if row.comparable else row.why_not or "no reason is recorded"
    )
    return [f"{labels}: not compared with the paper: {reason}." for reason, labels in reasons]


def _other_encoders(rows: Sequence[Summary]) -> list[str]:
    """Which searches use an encoder that is not the paper's."""
    models = grouped(rows, lambda row: row.model if row.encoder_is_papers is False else None)
    return [
        f"{labels}: the encoder is {model}, not {paper.ENCODER}, which we take to be the paper's."
        for model, labels in models
    ]


def _differences(rows: Sequence[Summary]) -> list[str]:
    """Whether rows differ from each other in more than the regime."""
    sentences = []
    for name, groups in (
        ("data", _by_content(rows, "data")),
        ("model", _by_content(rows, "model")),
        ("the size of an epoch", grouped(rows, lambda row: row.epoch_size or "all sentences")),
    ):
        if len(groups) > 1:
            values = "; ".join(f"{labels}: {value}" for value, labels in groups)
            sentences.append(
                f"The searches differ in {name}, so their rows differ not only in the regime."
                f" {values}."
            )
    return sentences


def _by_content(rows: Sequence[Summary], name: str) -> list[tuple[str, str]]:
    """The data or models with their searches. Of one name, those with other contents are apart."""
    contents = Contents(rows)

    def called(row: Summary) -> str:
        own, fingerprint = str(getattr(row, name)), getattr(row, f"{name}_fingerprint")
        if fingerprint is None or len(contents.known(row, name)) == 1:
            return own
        return f"{own} with the content {fingerprint[:8]}"

    return grouped(rows, called)


def _fresh_seeds(rows: Sequence[Summary]) -> list[str]:
    """On how many fresh seeds the confirmed and test numbers rest."""
    unused = "used neither by the search nor to choose the winner"
    sentences = []
    for n, labels in grouped(
        rows, lambda row: None if row.selected_on_reported_runs else len(row.confirmed_scores)
    ):
        if n == 0:
            sentences.append(
                f"{labels}: not confirmed on fresh seeds. The best score of a search is a maximum,"
                " so it is optimistic."
            )
        elif n == 1:
            sentences.append(
                f"{labels}: confirmed on one fresh seed (n=1), {unused}. Its interval depends only"
                " on the spread of other recipes."
            )
        else:
            sentences.append(f"{labels}: means over n={n} fresh seeds, {unused}.")
    return sentences


def _selection_bias(rows: Sequence[Summary]) -> list[str]:
    """Which searches of earlier versions report the runs that chose their winner."""
    return [
        f"{labels}: the numbers come from n={n} runs that were also used to choose the winner, as"
        " in earlier versions of Regimen. They are slightly too high; --resume adds runs on fresh"
        " seeds."
        for n, labels in grouped(
            rows, lambda row: len(row.confirmed_scores) if row.selected_on_reported_runs else None
        )
    ]


def _equal_trials(rows: Sequence[Summary]) -> list[str]:
    """Which searches' winners have equals."""
    return [
        f"{labels}: the scores of trial {winner}, the winner, and"
        f" {', '.join(f'trial {trial}' for trial in equal)} differ by less than --indifference,"
        " standard error included, so they count as equal. Of equal trials a clearly cheaper one"
        " wins; otherwise, among the trials with the most runs, the one with the highest mean."
        for (winner, equal), labels in grouped(
            rows, lambda row: (row.winner_trial, row.equal_trials) if row.equal_trials else None
        )
    ]


def _failed_runs(rows: Sequence[Summary]) -> list[str]:
    """How many of the winners' runs are missing because they failed."""
    return [
        f"{labels}: {n} of the winner's runs on fresh seeds failed and"
        f" {'is' if n == 1 else 'are'} left out, which makes the mean optimistic."
        for n, labels in grouped(rows, lambda row: row.confirmed_failed or None)
    ]


def _floors(rows: Sequence[Summary]) -> list[str]:
    """What the floors are, and how the distance to them is counted."""
    if not any(row.floors for row in rows):
        return []
    return [
        "Floors take seconds: the most frequent label (majority), TF-IDF with a linear SVM (tfidf),"
        " logistic regression on the vectors of the frozen encoder (probe). Each is a single run;"
        " its settings are chosen by cross-validation on train. Over floor: the mean of the"
        " winner's report runs minus the best floor's score, in percentage points, ± the interval"
        " over the winner's seeds; on the test split if both have been tested, else on validation."
    ]


def _intervals(rows: Sequence[Summary]) -> list[str]:
    """How the intervals are made."""
    if not any(row.confirmed_scores for row in rows):
        return []
    return [INTERVALS, *([NEW_SENTENCES] if any(row.test for row in rows) else [])]


def _paper(rows: Sequence[Summary], evidence: Evidence, results: str) -> list[str]:
    """The source of the published numbers, and how a difference from them is judged."""
    compared = [row for row in rows if row.comparable and paper.row(row.regime)]
    if not compared:
        return []
    source = f"The paper: {paper.CITATION}, Table 7."
    if not any(row.test for row in compared):
        return [source]
    return [
        source,
        (
            "Difference to paper: percentage points, on this test set, whose sentences are the same"
            " for both. ± is its 95 % noise: the spread over our seeds, and the spread of the"
            " published single run, assumed equal to ours."
        ),
        *(
            _on_new_sentences(row, label(row, rows), evidence, results)
            for row in compared
            if row.test
        ),
    ]


def _on_new_sentences(row: Summary, name: str, evidence: Evidence, results: str) -> str:
    published = paper.row(row.regime)
    assert published is not None
    difference = evidence.to_published(row, published.test_accuracy)
    assert difference is not None
    sentence = (
        f"{name}: on new sentences the noise of the difference to the paper is at most"
        f" ± {100 * difference.new_sentences:.1f} points"
    )
    return f"{sentence}{_to_settle(row, difference, results)}."


def _to_settle(row: Summary, difference: Difference, results: str) -> str:
    """How many seeds a difference within its noise would need."""
    if difference.exceeds:
        return ""
    if difference.seeds is None:
        return (
            ". On this test set, the published run's single seed alone could explain the"
            " difference, so no number of our seeds settles it"
        )
    return (
        ". On this test set, a difference of this size exceeds its noise from about"
        f" {difference.seeds} report seeds on: {more_seeds(row, difference.seeds, results)}"
    )


def _batch_sizes(rows: Sequence[Summary]) -> list[str]:
    """Where the loss in the paper's definition is not comparable, because batch sizes differ."""
    sentences = []
    for row in rows:
        published = paper.row(row.regime) if row.comparable and row.test else None
        if published and row.batch_size not in (None, published.loss_batch_size):
            sentences.append(
                f"{label(row, rows)}: the loss in the paper's definition is computed at batch size"
                f" {row.batch_size}, the published loss fits {published.loss_batch_size}. This loss"
                " shrinks as batches grow, so the two are not comparable."
            )
    return sentences
