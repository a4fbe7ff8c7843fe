"""What the report says: one section over all searches, then one for each."""

from collections.abc import Sequence

import pandas

from analysis import figures, paper
from analysis.budget import numbers as budget
from analysis.comparison.section import comparison_blocks
from analysis.hyperparameters import section as space_sections
from analysis.intervals import mean_interval
from analysis.mistakes import section as error_sections
from analysis.page.blocks import Block, Drawing, Figures, Heading, Notes, Paragraph, Section, Table
from analysis.read.folder import Search
from analysis.read.summary import chose, label, ordered
from analysis.rungs import rungs
from analysis.text import duration
from analysis.trials import numbers as curves
from analysis.trials import ranking

VALIDATED = (
    ", and the mean cross-entropy on validation. When validation's rises while training's falls,"
    " the classifier grows too sure of itself."
)
TRAINED = (
    "On training it is measured while dropout is on, so it may lie below validation's; when"
    " training still rises and validation does not, the trial overfits."
)
UNTRAINED = "On validation only: no predictions were made in training."
FEW = 5
"""Trials at full budget below which nothing is said of how early they can be judged."""


def sections(searches: Sequence[Search]) -> list[Section]:
    """The comparison, the searches in its order, and how the paper is read where a regime of its is
    among them."""
    summaries = ordered([search.summary for search in searches])
    by_summary = {id(search.summary): search for search in searches}
    labels = [label(one, summaries) for one in summaries]
    first = Section(
        "Comparison",
        comparison_blocks({name: by_summary[id(one)] for name, one in zip(labels, summaries)}),
    )
    found = [first] + [
        section(by_summary[id(one)], title=label(one, summaries)) for one in summaries
    ]
    if footnotes := paper.footnotes(one["regime"] for one in summaries):
        source = Paragraph(
            f"{paper.CITATION} leaves some things open, and says some twice. What it says, and what"
            " is made of it here:"
        )
        found.append(Section("How the paper is read", (source, Notes(tuple(map(str, footnotes))))))
    return found


def section(search: Search, title: str) -> Section:
    """One search: what was asked, how its trials ended, its best trials and its curves."""
    blocks: list[Block] = [Paragraph(_about(search))]
    if not search.finished:
        blocks.append(
            Paragraph(
                "This search has not come to its end, or was interrupted: what follows is what its"
                " trials have so far."
            )
        )
    if chosen := _chosen(search):
        blocks.append(Paragraph(chosen))
    if len(search.trials):
        blocks.append(Table("How the trials ended.", ranking.endings(search.trials)))
    if len(top := ranking.top_trials(search.trials)):
        blocks.append(
            Table(
                "The best trials and trial 0, with the hyperparameters in which these differ.", top
            )
        )
    else:
        blocks.append(Paragraph("No trial came to its full budget."))
    if len(again := ranking.confirmed(search.trials, search.epochs)):
        blocks.append(
            Table(
                "The best of the search again. The winner has the highest mean, over the search and"
                " the seeds of the choice, of those that are still its best. Only the winner is"
                " trained on the seeds of the report, which chose nothing: what is confirmed is"
                " their mean.",
                again,
            )
        )
    blocks += [
        Paragraph(text) for text in (_first_stage_of_trial_0(search), _contrastive(search)) if text
    ]
    drawings = _of_all_trials(search) + _of_the_winner(search)
    if drawings:
        blocks.append(Figures(tuple(drawings)))
    return Section(
        title,
        (
            *blocks,
            *space_sections.blocks(search),
            *_stopping(search),
            *error_sections.blocks(search),
        ),
    )


def _chosen(search: Search) -> str | None:
    """By how much choosing the best of many flattered the winner; nothing where it was not
    confirmed."""
    again, trial = search.summary["confirmed_accuracy"], search.summary["winner_trial"]
    own = search.trials[
        (search.trials["number"] == trial) & search.trials["validation_accuracy"].notna()
    ]["validation_accuracy"]
    if not again or own.empty:
        return None
    mean, before = mean_interval(again), round(100 * own.iloc[0], 1)
    seeds, advice = "fresh seeds", "expect what the fresh seeds say"
    if chose(search.summary):
        seeds, advice = "the seeds that also chose it", "expect a little less than on those seeds"
    return (
        f"Selection: the winner scored {before:.1f} % in the search and {mean.percent} on {seeds},"
        f" {round(100 * mean.mean, 1) - before:+.1f} points. The best of many trials is partly the"
        f" luckiest: {advice}."
    )


def winner(search: Search) -> int | None:
    """The trial that was confirmed best; where none was confirmed, the best of the search."""
    confirmed = search.summary["winner_trial"]
    best: int | None = confirmed if confirmed is not None else search.summary["best_trial"]
    return best


def _about(search: Search) -> str:
    spec, chosen = search.spec, winner(search)
    confirmed = (
        "also on other seeds"
        if search.summary["winner_trial"] is not None
        else "so far; it was not confirmed on other seeds"
    )
    found = f" The winner is trial {chosen}, the best {confirmed}." if chosen is not None else ""
    after = "".join(
        f" and {count} of the {stage} stage"
        for stage, count in curves.later_stages(search.trials, search.epochs).items()
    )
    time = f"; {duration(search.summary['seconds'])}" if search.finished else ""
    return (
        f"Search {spec['name']}: regime {spec['regime']}, data {spec['data']}, model"
        f" {spec['model']}; {spec['trials']} trials asked for, {spec['epochs']} epochs{after} each,"
        f" seed {spec['seed']}{time}.{found} A trial's score is its best accuracy on validation, in"
        " its last stage."
    )


def _first_stage_of_trial_0(search: Search) -> str | None:
    """Where trial 0 lost what it had: nothing unless its score is less than half of what its first
    stage reached."""
    curve = curves.winner_curve(search.epochs, 0)
    stages = curves.stages(curve)
    complete = search.trials[search.trials["state"] == "COMPLETE"]["number"]
    if len(stages) < 2 or 0 not in set(complete):
        return None
    first, last = stages[0].name, stages[-1].name
    reached, score = (
        curve[curve["stage"] == name]["validation_accuracy"].max() for name in (first, last)
    )
    if not score < reached / 2:
        return None
    return (
        f"Trial 0's {first} stage reached {100 * reached:.1f} % by the classifier that judges it,"
        f" and its {last} stage {100 * score:.1f} %: what the search gained on trial 0 lies mostly"
        " there."
    )


def _stopping(search: Search) -> list[Block]:
    """What stopping early saved, and how early trials can be judged; nothing where neither can be
    told."""
    blocks: list[Block] = []
    if found := budget.saved(search.trials):
        missed = budget.missed(search.trials, search.epochs)
        lost = (
            ""
            if missed is None
            else (
                f" Given what trials at full budget gained from there on, {_about_so_many(missed)}"
                " of the stopped ones would have become the best; that is a guess from those that"
                " were let on, and a search with --scheduler none tells."
            )
        )
        blocks.append(
            Paragraph(
                f"Stopping early: {found.stopped} of {found.ended} trials were stopped;"
                f" {found.spent} epochs were trained instead of {found.full}, and"
                f" {100 * found.time:.0f} % of the time was saved.{lost}"
            )
        )
    if (search.trials["state"] == "COMPLETE").sum() >= FEW and len(
        ranks := rungs(search.trials, search.epochs)
    ) > 1:
        drawing = Drawing(
            "How early can a trial be judged?",
            "Spearman's rank correlation of the accuracy after each epoch with the score in the"
            f" end.{_another_judge(search)} Only the {ranks['n'].iloc[0]} trials at full budget are"
            " in it, so where others were stopped it is lower than it would be over all. Where it"
            " is near 1, stopping there loses little; where it is low, ranks are still open.",
            figures.rungs(ranks),
        )
        blocks.append(Figures((drawing,)))
    asked = "What did stopping early do?" if found else "Could trials have been stopped early?"
    return [Heading(asked), *blocks] if blocks else []


def _another_judge(search: Search) -> str:
    """That early accuracies are not the score's; nothing where there is one stage."""
    two = curves.later_stages(search.trials, search.epochs)
    return " Before the last stage it is another classifier's." if two else ""


def _about_so_many(number: float) -> str:
    """An expected number in words."""
    return "none" if number < 0.05 else f"about {number:.1f}"


def _contrastive(search: Search) -> str | None:
    """The last contrastive epoch's loss, beside Table 8 where the search is comparable."""
    loss, published = (
        search.summary["last_contrastive_loss"],
        paper.TABLE_8.get(search.summary["regime"]),
    )
    if loss is None:
        return None
    beside = (
        f" Table 8 of the paper has {published:.2f}, a sum as we read it."
        if search.summary["comparable"] and published
        else ""
    )
    return (
        "Contrastive loss of the last epoch, of the winner's runs that are reported:"
        f" {loss['sum']:.2f} summed over its batches, {loss['mean']:.4f} a batch.{beside}"
    )


def _of_all_trials(search: Search) -> list[Drawing]:
    found = []
    lines = curves.learning_curves(search.trials, search.epochs)
    stages = curves.stages(curves.winner_curve(search.epochs, winner(search)))
    if len(lines):
        found.append(
            Drawing(
                "Learning curves",
                "Each line is a trial's accuracy on validation after each epoch; grey ones were"
                " stopped early. Where lines cross late, stopping early was a"
                f" gamble.{_stages(stages)}",
                figures.learning_curves(lines, winner(search), stages),
            )
        )
    best, pruned = curves.best_so_far(search.trials), _pruned(search.trials)
    unscored = (
        " (a tick at the bottom where it was stopped before the last stage, in which scores are"
        " made)"
    )
    if len(best) or len(pruned):
        found.append(
            Drawing(
                "Best so far",
                "Each dot is a trial's score, each cross the best epoch of a trial that was"
                f" stopped{unscored if pruned['score'].isna().any() else ''}. Where the line is"
                " flat at the end, more trials would probably have gained little; where it still"
                " climbs, the search was short.",
                figures.best_so_far(best, pruned),
            )
        )
    return found


def _pruned(trials: pandas.DataFrame) -> pandas.DataFrame:
    return trials[(trials["state"] == "PRUNED") & trials["best_validation_accuracy"].notna()][
        ["number", "score"]
    ]


def _of_the_winner(search: Search) -> list[Drawing]:
    """Accuracy over all epochs, and the loss of each stage: stages minimise different losses."""
    curve = curves.winner_curve(search.epochs, winner(search))
    if curve.empty:
        return []
    stages = curves.stages(curve)
    found = [
        Drawing(
            "The winner: accuracy",
            f"{TRAINED if curve['train_accuracy'].notna().any() else UNTRAINED}{_stages(stages)}",
            figures.accuracy_curve(
                curve, stages, curves.confirmations(search.epochs, winner(search))
            ),
        )
    ]
    for stage in stages:
        part = curve[curve["stage"] == stage.name]
        if part[["train_loss", "validation_loss"]].notna().any(axis=None):
            found.append(
                Drawing(
                    f"The winner: loss, {stage.name}",
                    _losses(part),
                    figures.loss_curve(part),
                )
            )
    if curve["learning_rate"].notna().any():
        found.append(
            Drawing(
                "The winner: learning rate",
                "The schedule as it was used: the rate of the fastest group of parameters at the"
                " end of each epoch.",
                figures.learning_rate(curve),
            )
        )
    return found


def _losses(part: pandas.DataFrame) -> str:
    """What is drawn of the losses of one stage."""
    trained, validated = (part[name].notna().any() for name in ("train_loss", "validation_loss"))
    if not trained:
        return "The mean cross-entropy on validation; no loss was minimised over batches."
    return (
        "Mean over the epoch's batches of the loss that is"
        f" minimised{VALIDATED if validated else '.'}"
    )


def _stages(stages: Sequence[curves.Stage]) -> str:
    """Why accuracies jump between stages; nothing where there is one."""
    spans = ", then ".join(
        f"{stage.name} (epochs {stage.first} to {stage.last})" for stage in stages
    )
    return (
        f" The stages are {spans}; their accuracies come from different classifiers."
        if len(stages) > 1
        else ""
    )
