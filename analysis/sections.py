"""What the report says: one section over all searches, then one for each."""

from collections.abc import Mapping, Sequence

import pandas

from analysis import budget, comparison, conditions, curves, figures, paper, ranking
from analysis.blocks import Block, Drawing, Figures, Notes, Paragraph, Section, Table
from analysis.read import Search
from analysis.summary import label, ordered


def sections(searches: Sequence[Search]) -> list[Section]:
    """The comparison, the searches in its order, and how the paper is read where a regime of its is among them."""
    summaries = ordered([search.summary for search in searches])
    by_summary = {id(search.summary): search for search in searches}
    table = Table("One row a search.", comparison.table(summaries))
    trials = {label(one, summaries): by_summary[id(one)].trials for one in summaries}
    first = Section("Comparison", (table, Notes(tuple(conditions.remarks(summaries))), *_equal_budget(trials)))
    found = [first] + [section(by_summary[id(one)], title=label(one, summaries)) for one in summaries]
    if footnotes := paper.footnotes(one["regime"] for one in summaries):
        source = Paragraph(f"{paper.CITATION} leaves some things open, and says some twice. What it says, and what is made of it here:")
        found.append(Section("How the paper is read", (source, Notes(tuple(map(str, footnotes))))))
    return found


def section(search: Search, title: str) -> Section:
    """One search: what was asked, how its trials ended, its best trials and its curves."""
    blocks: list[Block] = [Paragraph(_about(search))]
    if not search.finished:
        blocks.append(Paragraph("This search has not come to its end, or was interrupted: what follows is what its trials have so far."))
    if len(search.trials):
        blocks.append(Table("How the trials ended.", ranking.endings(search.trials)))
    if stopping := _stopping(search):
        blocks.append(Paragraph(stopping))
    if len(top := ranking.top_trials(search.trials)):
        blocks.append(Table("The best trials and trial 0, with the hyperparameters in which these differ.", top))
    else:
        blocks.append(Paragraph("No trial came to its full budget."))
    if contrastive := _contrastive(search):
        blocks.append(Paragraph(contrastive))
    drawings = _of_all_trials(search) + _of_the_winner(search)
    return Section(title, (*blocks, Figures(tuple(drawings))) if drawings else tuple(blocks))


def _equal_budget(trials: Mapping[str, pandas.DataFrame]) -> list[Block]:
    """The searches that brought a trial to its full budget, at the same number of trials; nothing where none has two."""
    budgets = {name: budget.expected_best(found) for name, found in trials.items() if (found["state"] == "COMPLETE").any()}
    if max(map(len, budgets.values()), default=0) < 2:
        return []
    drawing = Drawing(
        "What more trials buy",
        "The best score on validation to expect of so many trials, each drawn from those that the search ran, and one standard deviation "
        "around it. At the same number of trials the higher line wins; where lines cross, the winner depends on the budget; a line that "
        "still climbs at its end had too few trials. Trials stopped early count with their best epoch.",
        figures.expected_best(budgets),
    )
    return [Figures((drawing,))]


def winner(search: Search) -> int | None:
    """The trial that was confirmed best; where none was confirmed, the best of the search."""
    confirmed = search.summary["winner_trial"]
    best: int | None = confirmed if confirmed is not None else search.summary["best_trial"]
    return best


def _about(search: Search) -> str:
    spec, chosen = search.spec, winner(search)
    confirmed = "on fresh seeds" if search.summary["winner_trial"] is not None else "so far; it was not confirmed on fresh seeds"
    found = f" The winner is trial {chosen}, the best {confirmed}." if chosen is not None else ""
    return (
        f"Search {spec['name']}: regime {spec['regime']}, data {spec['data']}, model {spec['model']}; {spec['trials']} trials asked for, "
        f"{spec['epochs']} epochs each, seed {spec['seed']}; {search.summary['seconds'] / 60:.1f} minutes.{found}"
    )


def _stopping(search: Search) -> str | None:
    """What stopping early saved; nothing where no trial was stopped."""
    found = budget.saved(search.trials, search.spec["epochs"])
    if not found.stopped:
        return None
    return (
        f"Stopping early: {found.stopped} of {found.ended} trials were stopped; {found.spent} epochs were trained instead of {found.full}, "
        f"{1 - found.spent / found.full:.0%} fewer. Whether one of them would have won is not known: a search with --scheduler none tells."
    )


def _contrastive(search: Search) -> str | None:
    """The last contrastive epoch's loss, beside Table 8 where the search is comparable."""
    loss, published = search.summary["last_contrastive_loss"], paper.TABLE_8.get(search.summary["regime"])
    if loss is None:
        return None
    beside = f" Table 8 of the paper has {published:.2f}, a sum as we read it." if search.summary["comparable"] and published else ""
    return f"Contrastive loss of the last epoch: {loss['sum']:.2f} summed over its batches, {loss['mean']:.4f} a batch.{beside}"


def _of_all_trials(search: Search) -> list[Drawing]:
    found = []
    lines = curves.learning_curves(search.trials, search.epochs)
    stages = curves.stages(curves.winner_curve(search.epochs, winner(search)))
    if len(lines):
        found.append(
            Drawing(
                "Learning curves",
                "Each line is a trial's accuracy on validation after each epoch; grey ones were stopped early. Where lines cross late, "
                f"stopping early was a gamble.{_stages(stages)}",
                figures.learning_curves(lines, winner(search), stages),
            )
        )
    best, pruned = curves.best_so_far(search.trials), _pruned(search.trials)
    if len(best) or len(pruned):
        found.append(
            Drawing(
                "Best so far",
                "Each dot is a trial's score, each cross the best epoch of a trial that was stopped. Where the line is flat at the "
                "end, more trials would probably have gained little; where it still climbs, the search was short.",
                figures.best_so_far(best, pruned),
            )
        )
    return found


def _pruned(trials: pandas.DataFrame) -> pandas.DataFrame:
    return trials[(trials["state"] == "PRUNED") & trials["best_accuracy"].notna()][["number", "best_accuracy"]]


def _of_the_winner(search: Search) -> list[Drawing]:
    """Accuracy over all epochs, and the loss of each stage: stages minimise different losses."""
    curve = curves.winner_curve(search.epochs, winner(search))
    if curve.empty:
        return []
    stages = curves.stages(curve)
    found = [
        Drawing(
            "The winner: accuracy",
            "On training it is measured while dropout is on, so it may lie below validation's; when training still rises and "
            f"validation does not, the trial overfits.{_stages(stages)}",
            figures.accuracy_curve(curve, stages),
        )
    ]
    for stage in stages:
        part = curve[curve["stage"] == stage.name]
        if part[["train_loss", "validation_loss"]].notna().any(axis=None):
            found.append(
                Drawing(
                    f"The winner: loss, {stage.name}",
                    "Mean over the epoch's batches of the loss that is minimised, and the mean cross-entropy on validation where there "
                    "is one. When validation's rises while training's falls, the classifier grows too sure of itself.",
                    figures.loss_curve(part),
                )
            )
    return found


def _stages(stages: Sequence[curves.Stage]) -> str:
    """Why accuracies jump between stages; nothing where there is one."""
    spans = ", then ".join(f"{stage.name} (epochs {stage.first} to {stage.last})" for stage in stages)
    return f" The stages are {spans}; their accuracies come from different classifiers." if len(stages) > 1 else ""
