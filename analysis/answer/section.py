"""The report's first screen."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas

from analysis import commands
from analysis.comparison.floors import no_better, to_floor, verdicts
from analysis.comparison.leaks import BEST_FLOOR, without_leaks
from analysis.comparison.pairwise import (
    better_than,
    comparable_split,
    pair_of,
    pairwise_table,
)
from analysis.comparison.rows import best_first
from analysis.comparison.settle import (
    IN_MOST_CASES,
    MAX_SEEDS,
    bound,
    more_seeds,
    needs,
    seeds_settle,
)
from analysis.comparison.standing import standing
from analysis.data.section import warnings as data_warnings
from analysis.evidence import ROUNDING, Difference, Evidence, Split
from analysis.hyperparameters.section import warnings as range_warnings
from analysis.intervals import Interval
from analysis.metric import WORDS, capitalised, percent_of, qualifier
from analysis.mistakes.numbers import most_confused
from analysis.page.blocks import Answer, Block, Code, Fact, Paragraph
from analysis.read.folder import CONFIG_PREFIX, Search
from analysis.read.summary import Floor, Summary
from analysis.text import EMPTY_CELL, counted, duration, short_value

SPLITS_SHOWN: tuple[Split, ...] = ("test", "validation")
AT_BEST: Mapping[Split, str] = {
    "test": "",
    "validation": " at best: these chose configuration and epochs",
}
"""What new sentences add to a score on a split: they were not chosen by."""
WIDE = 0.03
"""Half width on new sentences that is too wide to rely on."""
SHOWN_VERSIONS = ("regimen", "torch", "transformers", "ray", "optuna")


def blocks(searches: Mapping[str, Search], evidence: Evidence) -> list[Block]:
    """The answer of these searches, by their labels; a sentence where no trial completed."""
    summaries = {label: search.summary for label, search in searches.items()}
    ranked = best_first(list(summaries.values()))
    if not ranked:
        return _no_winner(searches)
    labels = [
        next(label for label, own in summaries.items() if own is summary) for summary in ranked
    ]
    best = searches[labels[0]]
    split = comparable_split(list(summaries.values()))
    pairs = pairwise_table(summaries, split, evidence)
    seeds = _seeds_to_settle(labels, pairs)
    return [
        Answer(
            _headline(labels, best.summary, evidence, pairs),
            (*_facts(labels, summaries, evidence, split, pairs), *_errs_most(best)),
            _verdict(labels, best, split, pairs),
            tuple(_warnings(searches, labels, evidence)),
            (_configuration(best), _commands(best, labels, summaries, seeds, evidence)),
            tuple(_provenance(best, searches)),
        )
    ]


def _no_winner(searches: Mapping[str, Search]) -> list[Block]:
    """That there is none yet, what the floors reach until then, and how to continue."""
    floors = " ".join(verdicts([search.summary for search in searches.values()]))
    lines = [
        commands.resume(search.spec, commands.results_flag(search.folder, search.spec))
        for search in searches.values()
        if sum(search.summary.states.values()) < search.spec["trials"]
    ]
    said = f"No trial completed: there is no winner yet. {floors}"
    return [Paragraph(said.strip()), *([Code("Continue", tuple(lines))] if lines else [])]


def _headline(labels: list[str], best: Summary, evidence: Evidence, pairs: pandas.DataFrame) -> str:
    """Who won, with which score."""
    label, rivals = labels[0], len(labels) - 1
    if best.floor_wins and best.best_floor is not None:
        return (
            f"The floor {best.best_floor.regime} wins: {_floor_scores(best.best_floor, best)}."
            f" Best search: {label}, trial {best.winner}"
        )
    trial = "trial 0, its defaults" if best.winner == 0 else f"trial {best.winner}"
    name = f"{label} {standing(label, best, rivals, pairs, evidence)} with {trial}"
    for split in ("test", "validation"):
        mean = evidence.mean(best, split)
        if mean.n:
            return f"{name}: {_mean(mean)}{qualifier(best.metric)} on {split}"
    return f"{name}: {percent_of(best.selection_score, best.metric)} on validation, not confirmed"


def _floor_scores(floor: Floor, best: Summary) -> str:
    """A floor's score on validation, by which it won, and on test."""
    words = qualifier(best.metric)
    said = f"{100 * floor.validation_score(best.metric):.1f} %{words} on validation"
    on_test = floor.test_score(best.metric)
    return said if on_test is None else f"{said}, {100 * on_test:.1f} % on test"


def _facts(
    labels: list[str],
    summaries: Mapping[str, Summary],
    evidence: Evidence,
    split: Split,
    pairs: pandas.DataFrame,
) -> list[Fact]:
    best = summaries[labels[0]]
    scored = capitalised(best.metric)
    facts = [
        Fact(
            f"{scored} on {on}",
            _mean(mean),
            f"{counted(mean.n, 'fresh seed')}, these sentences;"
            f" ± {100 * (mean.new_sentences or 0.0):.1f} on new ones{AT_BEST[on]}",
        )
        for on in SPLITS_SHOWN
        if (mean := evidence.mean(best, on)).n
    ]
    if not facts:
        facts.append(
            Fact(
                f"{scored} on validation",
                f"{100 * best.selection_score:.1f} %",
                "the best of the search, so too high; no other seed confirms it",
            )
        )
    return [
        *facts,
        *_in_search(best, evidence),
        *_over_floor(best, evidence),
        _over_runner_up(labels, summaries, split, pairs),
        *_over_trial_0(best, evidence),
    ]


def _errs_most(best: Search) -> list[Fact]:
    """The labels that the winner confuses most often."""
    confusion = most_confused(best.predictions)
    if confusion is None:
        return []
    pair, _, count = confusion.rpartition(", ")
    return [Fact("Errs most", pair, count, wide=True)]


def _in_search(best: Summary, evidence: Evidence) -> list[Fact]:
    """How much of the score that the search saw was luck."""
    mean = evidence.mean(best, "validation")
    if not mean.n or best.best_score is None:
        return []
    lost = f"{100 * (mean.mean - best.best_score):+.1f} points on fresh seeds"
    note = f"the highest of {counted(sum(best.states.values()), 'trial')} on one seed; {lost}"
    return [Fact("In the search", f"{100 * best.best_score:.1f} %", note)]


def _over_floor(best: Summary, evidence: Evidence) -> list[Fact]:
    """On the test split where both are known there: it chose neither."""
    floor = best.best_floor
    if floor is None:
        return []
    split, lead = to_floor(best, evidence)
    score = floor.test_score(best.metric) if split == "test" else None
    score = floor.validation_score(best.metric) if score is None else score
    note = f"{floor.name}: {100 * score:.1f} %"
    settled = needs(lead, split) if lead else ""
    return [_over(best, score, lead, "the best floor", note, split, settled)]


def _over_runner_up(
    labels: list[str], summaries: Mapping[str, Summary], split: Split, pairs: pandas.DataFrame
) -> Fact:
    question = "Over the runner-up"
    if len(labels) < 2:
        return Fact(question, EMPTY_CELL, "one search has a result; others would be compared here")
    pair = pair_of(labels[0], labels[1], pairs)
    if pair is None:
        best, second = summaries[labels[0]], summaries[labels[1]]
        value = 100 * (best.selection_score - second.selection_score)
        return Fact(question, f"{value:+.1f} points", f"{labels[1]}; not confirmed")
    verdict = "no significant difference"
    if pair["different"]:
        verdict = "significant" if pair["difference"] > 0 else "the runner-up is better"
        verdict += (
            "" if pair["different_on_new_sentences"] else "; on new sentences it may be chance"
        )
    points = f"{100 * pair['difference']:+.1f} ± {100 * pair['half_width']:.1f} points"
    return Fact(question, points, f"{labels[1]} on {split}: {verdict}")


def _over_trial_0(best: Summary, evidence: Evidence) -> list[Fact]:
    """What searching brought: over the defaults of the winner's regime."""
    score = best.trial_0_score
    if score is None or best.winner == 0:
        return []
    note = f"the defaults: {100 * score:.1f} %, one run"
    return [_over(best, score, evidence.to_trial_0(best), "trial 0", note, "validation")]


def _over(
    best: Summary,
    score: float,
    lead: Difference | None,
    other: str,
    note: str,
    split: Split,
    settled: str = "",
) -> Fact:
    """How far the winner is above a single run's score. `settled`: what would settle it."""
    if lead is None:
        value = f"{100 * (best.selection_score - score):+.1f} points"
        return Fact(f"Over {other}", value, f"{note}; not confirmed")
    wider = f"± {100 * lead.new_sentences:.1f} on new sentences"
    if not lead.on_new_sentences:
        wider += ", where it may be chance" if lead.exceeds else "; it may be chance"
    more = f"; {settled}" if settled else ""
    question, shown = (f"Over {other}", f"{lead}")
    if lead.value < -ROUNDING:
        question, shown = f"Below {other}", f"{-lead}".removeprefix("+")
    return Fact(question, f"{shown} points", f"{note}, on {split}; {wider}{more}")


def _verdict(labels: list[str], best: Search, split: Split, pairs: pandas.DataFrame) -> str:
    """Whether the winner differs significantly from the others, and what would settle it."""
    if not best.summary.confirmed_scores:
        return (
            f"Nothing is confirmed: the {WORDS[best.summary.metric]} is the highest of several"
            " trials on one seed, which flatters. The last command confirms it on fresh seeds."
        )
    own = pairs[pairs["regime"] == labels[0]]
    if own.empty:
        return (
            "Of the searches on this page one is confirmed."
            f" `{commands.compare(best.folder, best.spec)}` compares all in the folder."
        )
    equal = [str(name) for name in own[~own["different"].astype(bool)]["other"]]
    different = len(own) - len(equal)
    corrected = ", corrected for the number of pairs" if len(pairs) > 2 else ""
    if better := better_than(labels[0], pairs):
        return (
            f"On these {split} sentences {_listed(better)} {'is' if len(better) == 1 else 'are'}"
            f" significantly better{corrected}. {labels[0]} was chosen by its score on the seeds of"
            " the search and the choice. A choice by these runs would need fresh"
            " seeds and other test sentences."
        )
    if not equal:
        return (
            f"On these {split} sentences it differs significantly from {_all(different)}"
            f"{corrected}.{_on_new(own, different)}"
        )
    names, settled = _listed(equal), _settled(labels, pairs, equal)
    if not different:
        return (
            f"On these {split} sentences there is no significant difference from {names}"
            f"{corrected}.{settled}"
        )
    return (
        f"On these {split} sentences it differs significantly from {different} of {len(own)}"
        f" others{corrected}; not from {names}.{settled}"
    )


def _settled(labels: list[str], pairs: pandas.DataFrame, equal: list[str]) -> str:
    """What would settle whether the winner differs from the runner-up, and where the rest is."""
    seeds, pair = _seeds_to_settle(labels, pairs), pair_of(labels[0], labels[1], pairs)
    rest = [name for name in equal if name != labels[1]]
    others = f" Comparison has what would settle {_listed(rest)}." if rest else ""
    if seeds is None or pair is None:
        return others
    if seeds_settle(seeds):
        return (
            f" If the difference to {labels[1]} is as large as it seems, about {seeds} report seeds"
            f" each show it {IN_MOST_CASES}.{others}"
        )
    return (
        f" Up to {MAX_SEEDS} report seeds each would not show a difference to {labels[1]} as small"
        f" as this one: {bound(pair['difference'], pair['half_width'])}.{others}"
    )


def _listed(labels: list[str]) -> str:
    return ", ".join(labels[:4]) + (f" and {len(labels) - 4} more" if len(labels) > 4 else "")


def _seeds_to_settle(labels: list[str], pairs: pandas.DataFrame) -> int | None:
    """Report seeds on either side with which winner and runner-up would differ significantly; None
    if they do already, or if it is not known."""
    if len(labels) < 2:
        return None
    own = pairs[(pairs["regime"] == labels[0]) & (pairs["other"] == labels[1])]
    if own.empty or own["different"].iloc[0]:
        return None
    seeds = own["seeds_needed"].iloc[0]
    return MAX_SEEDS + 1 if pandas.isna(seeds) else int(seeds)


def _all(number: int) -> str:
    return {1: "the other", 2: "both others"}.get(number, f"all {number} others")


def _on_new(own: pandas.DataFrame, different: int) -> str:
    shown = int(own["different_on_new_sentences"].sum())
    if shown == different:
        return " On new sentences too."
    return f" On new sentences that is shown for {shown} of {different}."


def _warnings(searches: Mapping[str, Search], labels: list[str], evidence: Evidence) -> list[str]:
    best, summaries = searches[labels[0]], [search.summary for search in searches.values()]
    warnings = list(verdicts(summaries))
    if worse := no_better(best.summary, evidence):
        warnings.append(f"On fresh seeds it is {worse}.")
    warnings += _few_sentences(best.summary, evidence)
    if not best.finished:
        warnings.append("This search has not finished: the winner may change.")
    if best.summary.selected_on_reported_runs:
        warnings.append("The reported runs also chose the winner: its score is slightly too high.")
    if best.summary.confirmed_failed:
        runs = counted(best.summary.confirmed_failed, "report run")
        warnings.append(f"{runs} failed and are left out: the score is slightly too high.")
    return [
        *warnings,
        *data_warnings(best),
        *_leads(searches, labels, evidence),
        *range_warnings(best),
    ]


def _leads(searches: Mapping[str, Search], labels: list[str], evidence: Evidence) -> list[str]:
    """The winner's leads over the runner-up and the best floor without the leaked rows, where these
    change them."""
    known = without_leaks(searches, evidence)
    if known is None:
        return []
    floor_split, _ = to_floor(searches[labels[0]].summary, evidence)
    shown = [(name, known.split) for name in labels[1:2]] + [(BEST_FLOOR, floor_split)]
    leads = ", ".join(
        f"{lead.without} points on {lead.split} over {lead.other} (with them {lead.whole})"
        for lead in known.leads
        if (lead.other, lead.split) in shown and lead.whole.value != lead.without.value
    )
    if not leads:
        return []
    changed = known.changed_verdicts
    verdict = f"; {counted(changed, 'verdict')} of pairs change" if changed else ""
    return [f"Without the rows that are in train, {known.winner} has {leads}{verdict}."]


def _few_sentences(best: Summary, evidence: Evidence) -> list[str]:
    """Whether more sentences are what the score needs, and about how many."""
    split: Split = "test" if best.test else "validation"
    mean, size = evidence.mean(best, split), best.test_size if best.test else best.validation_size
    if not size or mean.new_sentences is None:
        return []
    sampled = mean.new_sentences**2 - (mean.half_width or 0.0) ** 2
    if sampled <= WIDE**2:
        return []
    needed = math.ceil(size * sampled / WIDE**2 / 100) * 100
    return [
        f"Only {size} {split} sentences: on new ones the score is uncertain by"
        f" ± {100 * mean.new_sentences:.1f} points. With about {needed:,} sentences their part of"
        f" that is ± {100 * WIDE:.0f}; more seeds do not change it."
    ]


def _configuration(best: Search) -> Code:
    """The winner's values, a line each, those that differ from trial 0 first and marked.

    Without those that its optimiser does not read.
    """
    trials = best.trials.set_index("number")
    own = trials.loc[best.summary.winner]
    first = trials.loc[0] if 0 in trials.index else own
    values = {str(column): value for column, value in own.to_dict().items()}
    names = [name for name in values if name.startswith(CONFIG_PREFIX) and _is_read(name, values)]
    changed, same = [], []
    for name in names:
        value, default = short_value(own[name]), short_value(first[name])
        line = f"{name.removeprefix(CONFIG_PREFIX)}: {value}"
        if value == default:
            same.append(line)
        else:
            changed.append(f"{line}  # {default}")
    title = f"{best.spec['regime']}, trial {best.summary.winner}, rounded"
    if best.summary.winner != 0:
        title += "; # where trial 0 differs"
    return Code(title, (*changed, *same))


def _is_read(column: str, trial: Mapping[Any, Any]) -> bool:
    """Whether the trial's optimiser reads this hyperparameter: AdamW and SGD have some each."""
    optimizer, name = trial.get(f"{CONFIG_PREFIX}optimizer"), column.removeprefix(CONFIG_PREFIX)
    if name.startswith("sgd_") or name in ("momentum", "nesterov"):
        return bool(optimizer != "adamw")
    return bool(optimizer != "sgd" or f"{CONFIG_PREFIX}sgd_{name}" not in trial)


def _commands(
    best: Search,
    labels: list[str],
    summaries: Mapping[str, Summary],
    seeds: int | None,
    evidence: Evidence,
) -> Code:
    """How to train and use the winner, and what would settle who it is."""
    flag = commands.results_flag(best.folder, best.spec)
    where = flag + commands.cluster_flags(best.spec)
    floor = best.summary.best_floor if best.summary.floor_wins else None
    title = f"Train and use {floor.regime}, the best floor" if floor else "Train and use it"
    lines = [
        commands.export(best.spec, flag),
        commands.train(best.spec, flag, floor=floor is not None),
        commands.predict(Path("model")),
    ]
    if best.summary.best_floor is not None and no_better(best.summary, evidence):
        other = commands.export(best.spec, flag, best.summary.best_floor.regime)
        lines += ["# the floor instead, which is no worse:", other]
    if not best.summary.confirmed_scores:
        lines += ["# to confirm it:", commands.confirm(best.spec, flag)]
    if seeds_settle(seeds):
        assert seeds is not None
        pair = (summaries[labels[0]], summaries[labels[1]])
        lines += ["# to settle it:", *(more_seeds(search, seeds, where) for search in pair)]
    _, lead = to_floor(best.summary, evidence)
    if lead is not None and not lead.exceeds and seeds_settle(lead.seeds):
        assert lead.seeds is not None
        lines += ["# to tell it from the best floor:"]
        lines += [more_seeds(best.summary, lead.seeds, where)]
    return Code(f"{title}, with the exact values", tuple(lines))


def _provenance(best: Search, searches: Mapping[str, Search]) -> list[tuple[str, str]]:
    summary = best.summary
    sizes = ", ".join(f"{count:,} {split}" for split, count in _rows(summary).items())
    trials = sum(len(search.trials) for search in searches.values())
    seconds = sum(search.summary.seconds for search in searches.values())
    several = f" in {len(searches)} searches" if len(searches) > 1 else ""
    versions = [
        f"{name} {summary.versions[name]}" for name in SHOWN_VERSIONS if name in summary.versions
    ]
    commit = [f"commit {summary.commit[:10]}"] if summary.commit else []
    facts = [
        ("Data", f"{summary.data}{f' ({sizes})' if sizes else ''}"),
        ("Model", summary.model),
        (
            "Search",
            f"{counted(trials, 'trial')}{several}, {summary.budget}, {duration(seconds)}",
        ),
        ("Date", _date(best)),
        ("Versions", ", ".join([*versions, *commit])),
        ("Machine", summary.machine or ""),
    ]
    return [(name, value) for name, value in facts if value]


def _rows(summary: Summary) -> Mapping[str, int]:
    if summary.rows:
        return summary.rows
    sizes = {"validation": summary.validation_size, "test": summary.test_size}
    return {split: size for split, size in sizes.items() if size}


def _date(best: Search) -> str:
    """When the last epoch ended; empty where it is not recorded."""
    if "ended" not in best.epochs:
        return ""
    last = pandas.to_numeric(best.epochs["ended"], errors="coerce").max()
    return "" if pandas.isna(last) else f"{datetime.fromtimestamp(last, UTC):%Y-%m-%d %H:%M} UTC"


def _mean(mean: Interval) -> str:
    half = "" if mean.half_width is None else f" ± {100 * mean.half_width:.1f}"
    return f"{100 * mean.mean:.1f}{half} %"
