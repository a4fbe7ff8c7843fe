"""Sentences about one search: what was asked for, what selection did, and two-stage regimes."""

from collections.abc import Sequence

from analysis import paper
from analysis.evidence import Evidence
from analysis.metric import WORDS, qualifier
from analysis.read.folder import Search
from analysis.read.stages import Stage, later_stages, stages
from analysis.text import duration
from analysis.trials.numbers import trial_curve


def overview(search: Search) -> str:
    """What was asked for, how long it took, and which trial won."""
    spec = search.spec
    later = "".join(
        f" and {count} of the {stage} stage"
        for stage, count in later_stages(search.trials, search.epochs).items()
    )
    time = f"; {duration(search.summary.seconds)}" if search.finished else ""
    return (
        f"Search {spec['name']}: regime {spec['regime']}, data {spec['data']}, model"
        f" {spec['model']}; {spec['trials']} trials requested, {search.summary.budget}{later} each,"
        f" seed {spec['seed']}{time}.{_winner(search)} Trials are ranked by their best"
        f" {WORDS[spec.get('metric', 'accuracy')]} on validation in their final stage."
    )


def _winner(search: Search) -> str:
    winner = search.summary.winner
    if winner is None:
        return ""
    if search.summary.winner_trial is None:
        return f" The best trial so far is trial {winner}; no other seeds were run."
    return f" The winner is trial {winner}, chosen among the best by runs on other seeds."


def hint(search: Search) -> str:
    """How many trials, how they ended, and the winner: a few words."""
    states = search.trials["state"].value_counts()
    named = {"COMPLETE": "completed", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}
    counts = ", ".join(
        f"{states[state]} {name}" for state, name in named.items() if state in states
    )
    best = search.summary.winner
    return f"{counts or 'none'}{'' if best is None else f'; trial {best} is the best'}"


def selection(search: Search, evidence: Evidence) -> str | None:
    """How optimistic the winner's score in the search was; None without reported runs."""
    summary, trials = search.summary, search.trials
    own = trials[trials["number"] == summary.winner_trial]["best_validation_score"].dropna()
    if not summary.confirmed_scores or own.empty:
        return None
    words = qualifier(summary.metric)
    mean, before = evidence.mean(summary, "validation"), round(100 * own.iloc[0], 1)
    seeds, advice = "fresh seeds", f"expect the {WORDS[summary.metric]} of the fresh seeds"
    if summary.selected_on_reported_runs:
        seeds, advice = "the seeds that also chose it", "expect slightly less than on those seeds"
    return (
        f"Selection: the winner reached {before:.1f} %{words} in the search and {mean.percent} on"
        f" {seeds}, {round(100 * mean.mean, 1) - before:+.1f} points. The best of many trials is"
        " partly the"
        f" luckiest: {advice}."
    )


def first_stage_of_trial_0(search: Search) -> str | None:
    """Where trial 0 lost its score; None unless it ended below half of its first stage's."""
    curve = trial_curve(search.epochs, 0)
    spans = stages(curve)
    complete = search.trials[search.trials["state"] == "COMPLETE"]["number"]
    if len(spans) < 2 or 0 not in set(complete):
        return None
    first, last = spans[0].name, spans[-1].name
    reached, ended = (
        curve[curve["stage"] == name]["validation_score"].max() for name in (first, last)
    )
    if not ended < reached / 2:
        return None
    return (
        f"Trial 0's {first} stage reached {100 * reached:.1f} % with the classifier that evaluates"
        f" it, and its {last} stage {100 * ended:.1f} %. Most of what the search gained over trial"
        " 0 comes from that drop."
    )


def contrastive_loss(search: Search) -> str | None:
    """The last contrastive epoch's loss, beside the paper's Table 8 if comparable."""
    loss = search.summary.last_contrastive_loss
    if loss is None:
        return None
    published = paper.TABLE_8.get(search.summary.regime)
    beside = (
        f" Table 8 of the paper has {published:.2f}, which we take to be a sum."
        if search.summary.comparable and published
        else ""
    )
    return (
        "Contrastive loss of the last epoch, averaged over the winner's reported runs:"
        f" {loss.sum:.2f} summed over mini-batches, {loss.mean:.4f} per mini-batch.{beside}"
    )


def stage_spans(spans: Sequence[Stage]) -> str:
    """Why scores jump between stages, for a caption; empty for a single stage."""
    if len(spans) < 2:
        return ""
    listed = ", then ".join(
        f"{stage.name} (epochs {stage.first} to {stage.last})" for stage in spans
    )
    return f" The stages are {listed}; their scores come from different classifiers."
