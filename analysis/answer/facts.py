"""The figures beside the headline: the winner's scores, its leads, and what it confuses most."""

from collections.abc import Mapping

import pandas

from analysis.comparison.floors import to_floor
from analysis.comparison.pairwise import pair_of
from analysis.comparison.settle import needs
from analysis.evidence import ROUNDING, Difference, Evidence, ScoredSplit
from analysis.metric import capitalised
from analysis.mistakes.numbers import most_confused
from analysis.page.blocks import Fact
from analysis.read.folder import Search
from analysis.read.summary import Summary
from analysis.text import counted

SPLITS_SHOWN: tuple[ScoredSplit, ...] = ("test", "validation")


def facts(
    labels: list[str],
    searches: Mapping[str, Search],
    evidence: Evidence,
    split: ScoredSplit,
    pairs: pandas.DataFrame,
) -> list[Fact]:
    """The facts of the best of these searches; `labels` has the best first."""
    summaries = {label: search.summary for label, search in searches.items()}
    best = summaries[labels[0]]
    scored = capitalised(best.metric)
    shown = [
        Fact(
            f"{scored} on {on}",
            f"{mean.short} %",
            f"95 % interval over {counted(mean.n, 'fresh seed')}, on these sentences;"
            f" ± {100 * (mean.new_sentences or 0.0):.1f} on new ones{_bias(best, on)}",
        )
        for on in SPLITS_SHOWN
        if (mean := evidence.mean(best, on)).n
    ]
    if not shown:
        shown.append(
            Fact(
                f"{scored} on validation",
                f"{100 * best.selection_score:.1f} %",
                "optimistic: a maximum, not confirmed on fresh seeds",
            )
        )
    return [
        *shown,
        *_in_search(best, evidence),
        *_over_floor(best, evidence),
        *_over_runner_up(labels, summaries, split, pairs),
        *_over_trial_0(best, evidence),
        *_errs_most(searches[labels[0]]),
    ]


def _bias(best: Summary, split: ScoredSplit) -> str:
    """Why a score on a split is too high."""
    if split == "test":
        return ""
    folded = best.folds is not None
    chosen = "the configuration was" if folded else "configuration and epochs were"
    return f"; optimistic, since {chosen} chosen on this split"


def _in_search(best: Summary, evidence: Evidence) -> list[Fact]:
    """How much of the score that the search saw was luck."""
    mean = evidence.mean(best, "validation")
    if not mean.n or best.best_score is None:
        return []
    change = 100 * (mean.mean - best.best_score)
    other = f"{abs(change):.1f} points {'lower' if change < 0 else 'higher'} on fresh seeds"
    trials = counted(best.trial_count, "trial")
    pruned = f" ({best.states['PRUNED']} of them pruned)" if best.states.get("PRUNED") else ""
    note = f"the highest of {trials}{pruned} on one seed; {other}"
    return [Fact("In the search", f"{100 * best.best_score:.1f} %", note)]


def _over_floor(best: Summary, evidence: Evidence) -> list[Fact]:
    """On the test split where both are known there: it chose neither."""
    floor = best.best_floor
    if floor is None:
        return []
    split, lead = to_floor(best, evidence)
    score = floor.test_score(best.metric) if split == "test" else None
    score = floor.validation_score(best.metric) if score is None else score
    note = f"the simple model {floor.name}: {100 * score:.1f} %"
    settled = needs(lead, split) if lead else ""
    return [_over(best, score, lead, "the best floor", note, split, settled)]


def _over_runner_up(
    labels: list[str], summaries: Mapping[str, Summary], split: ScoredSplit, pairs: pandas.DataFrame
) -> list[Fact]:
    """The lead over the next search; empty where there is only one."""
    if len(labels) < 2:
        return []
    question = f"Over {labels[1]}"
    pair = pair_of(labels[0], labels[1], pairs)
    if pair is None:
        best, second = summaries[labels[0]], summaries[labels[1]]
        value = 100 * (best.selection_score - second.selection_score)
        return [Fact(question, f"{value:+.1f} points", "the runner-up; not confirmed")]
    verdict = "no significant difference"
    if pair["different"]:
        verdict = "significant"
        verdict += (
            "" if pair["different_on_new_sentences"] else "; on new sentences it may be chance"
        )
    value = 100 * pair["difference"]
    if value < 0:
        question, points = f"Below {labels[1]}", f"{-value:.1f}"
    else:
        points = f"{value:+.1f}"
    half_width = f"± {100 * pair['half_width']:.1f} points"
    return [Fact(question, f"{points} {half_width}", f"the runner-up, on {split}: {verdict}")]


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
    split: ScoredSplit,
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


def _errs_most(best: Search) -> list[Fact]:
    """The labels that the winner confuses most often."""
    confusion = most_confused(best.predictions)
    if confusion is None:
        return []
    pair, _, count = confusion.rpartition(", ")
    return [Fact("Errs most", pair, count, wide=True)]
