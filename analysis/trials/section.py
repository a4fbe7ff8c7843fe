"""What the report says about one search's trials: how they ended, the best, and their curves."""

import pandas

from analysis.evidence import Evidence
from analysis.metric import WORDS
from analysis.page.blocks import Block, Details, Drawing, Figures, Paragraph, Table, not_drawn
from analysis.page.forest import forest
from analysis.read.folder import Search
from analysis.read.scores import named
from analysis.read.stages import stages
from analysis.trials import figures, numbers, ranking, remarks
from analysis.trials.rivals import rivals

OVERCONFIDENCE = (
    "If it rises on validation while it falls on training, the classifier becomes overconfident."
)
MIN_COURSE_TRIALS = 3
"""Trials from which on their course is drawn."""
MIN_EPOCHS = 2
"""Epochs from which on curves are drawn."""
WITH_TRAINING = (
    "Training accuracy is measured with dropout enabled, so it may lie below validation accuracy."
    " If training still improves and validation does not, the trial overfits."
)
WITHOUT_TRAINING = "On validation only: it is not computed during training."


def details(search: Search, evidence: Evidence, *, full: bool) -> list[Block]:
    """How the trials ended, the best of them, the winner's rivals, and curves.

    `full`: with the winner's rivals, the course of the search and the winner's own curves.
    """
    parts: list[Block] = [Paragraph(remarks.overview(search))]
    if not search.finished:
        parts.append(
            Paragraph(
                "This search has not finished or was interrupted. What follows covers its trials so"
                " far."
            )
        )
    if selection := remarks.selection(search, evidence):
        parts.append(Paragraph(selection))
    parts += _tables(search)
    on_stages = (remarks.first_stage_of_trial_0(search), remarks.contrastive_loss(search))
    parts += [Paragraph(remark) for remark in on_stages if remark]
    drawings = _learning_curves(search)
    if full:
        drawings = [
            *_rivals(search, evidence),
            *drawings,
            *_best_so_far(search),
            *_winner(search),
        ]
    if drawings:
        parts.append(Figures(tuple(drawings)))
    if full and (ended := _ended(search)) < MIN_COURSE_TRIALS:
        parts.append(not_drawn(f"the best so far from {MIN_COURSE_TRIALS} trials", ended))
    return [Details("How did the trials go?", remarks.hint(search), tuple(parts))]


def _rivals(search: Search, evidence: Evidence) -> list[Drawing]:
    """The winner's rivals within the search; empty if none was run on other seeds."""
    rows = rivals(search.summary, evidence)
    if rows.empty:
        return []
    winner, metric = f"trial {search.summary.winner_trial}", search.summary.metric
    return [
        Drawing(
            "The winner and its rivals",
            f"Mean {WORDS[metric]} of the choice runs on validation minus that of {winner}. Thick:"
            " the 95 % interval over seeds on these sentences; thin: on new ones, compared sentence"
            " by sentence where that is possible. The winner was chosen by these runs, so its lead"
            " is slightly too large. Trial 0's only run is compared with the winner's report runs.",
            forest(rows, winner, WORDS[metric]),
            wide=True,
            data=rows,
        )
    ]


def _tables(search: Search) -> list[Block]:
    """How the trials ended, the best of them, and those that might have won."""
    tables: list[Block] = []
    metric = search.summary.metric
    if len(search.trials):
        tables.append(Table("How the trials ended.", ranking.endings(search.trials)))
    if len(top := ranking.top_trials(search.trials)):
        caption = "The best trials and trial 0, with the hyperparameters in which they differ."
        tables.append(Table(caption, top))
    else:
        tables.append(Paragraph("No trial completed."))
    if len(candidates := ranking.candidates(search.trials, search.epochs)):
        caption = (
            "The best trials on more seeds. The winner has the highest mean over the search and the"
            " choice seeds, of those with most runs that are still in the race."
        )
        if (search.epochs["kind"] == "report").any():
            caption += (
                " Only the winner is then trained on the report seeds, which had no part in any"
                f" choice; its confirmed {WORDS[metric]} is their mean."
            )
        tables.append(Table(caption, candidates))
    return tables


def _learning_curves(search: Search) -> list[Drawing]:
    """The learning curves of all trials; empty where none has two epochs."""
    metric = search.summary.metric
    curves = numbers.learning_curves(search.trials, search.epochs)
    if curves.empty or curves["epoch"].max() < MIN_EPOCHS:
        return []
    winner = search.summary.winner
    spans = stages(numbers.trial_curve(search.epochs, winner))
    return [
        Drawing(
            "Learning curves",
            f"Each line is a trial's {WORDS[metric]} on validation after each epoch; grey trials"
            " were pruned. Where lines cross late, early scores are a poor guide to the final"
            f" ones.{remarks.stage_spans(spans)}",
            figures.learning_curves(curves, winner, spans, WORDS[metric]),
            data=named(curves, metric),
        )
    ]


def _best_so_far(search: Search) -> list[Drawing]:
    """The best score over the course of the search; empty for too few trials."""
    drawings = []
    best, pruned = numbers.best_so_far(search.trials), numbers.pruned_trials(search.trials)
    if _ended(search) >= MIN_COURSE_TRIALS:
        before_final_stage = (
            " Ticks at the bottom are trials pruned before the final stage, which have no"
            " comparable score."
            if pruned["final_stage_score"].isna().any()
            else ""
        )
        drawings.append(
            Drawing(
                "Best so far",
                "Each dot is a completed trial, each cross the best epoch of a pruned"
                f" one.{before_final_stage} If the line is flat at the end, more trials would"
                " probably have gained little; if it still climbs, the search was short.",
                figures.best_so_far(best, pruned, WORDS[search.summary.metric]),
                data=named(best, search.summary.metric),
            )
        )
    return drawings


def _ended(search: Search) -> int:
    """The number of trials with a score: completed, or pruned after an epoch."""
    return len(numbers.best_so_far(search.trials)) + len(numbers.pruned_trials(search.trials))


def _winner(search: Search) -> list[Drawing]:
    """The winner's score, its loss per stage (stages minimise different losses), its rate."""
    winner, metric = search.summary.winner, search.summary.metric
    curve = numbers.trial_curve(search.epochs, winner)
    if curve.empty:
        return []
    if len(curve) < MIN_EPOCHS:
        return []
    spans = stages(curve)
    caption = WITH_TRAINING if curve["train_score"].notna().any() else WITHOUT_TRAINING
    reported = numbers.report_curves(search.epochs, winner)
    drawings = [
        Drawing(
            f"The winner: {WORDS[metric]}",
            f"{caption}{remarks.stage_spans(spans)}",
            figures.score_curve(curve, spans, reported, WORDS[metric]),
            data=named(curve, metric),
        )
    ]
    for stage in spans:
        part = curve[curve["epoch"].between(stage.first, stage.last)]
        if part[["train_loss", "validation_loss"]].notna().any(axis=None):
            drawings.append(
                Drawing(
                    f"The winner: loss, {stage.name}",
                    _loss_caption(part),
                    figures.loss_curve(part),
                    data=named(part, metric),
                )
            )
    if curve["learning_rate"].notna().any():
        drawings.append(
            Drawing(
                "The winner: learning rate",
                "The learning-rate schedule: the rate of the fastest parameter group at the end of"
                " each epoch.",
                figures.learning_rate(curve),
                data=named(curve, metric),
            )
        )
    return drawings


def _loss_caption(curve: pandas.DataFrame) -> str:
    """Which losses of one stage are shown."""
    trained, validated = (curve[name].notna().any() for name in ("train_loss", "validation_loss"))
    if not trained:
        return "Mean cross-entropy on validation; this stage is not trained on mini-batches."
    training = "Training: the minimised loss, averaged over the epoch's mini-batches."
    if not validated:
        return training
    return f"{training} Validation: the mean cross-entropy. {OVERCONFIDENCE}"
