"""What the runs of all searches say together: intervals of means, and differences between them.

Every ± of a search in table, report and MLflow comes from here. A mean has two intervals: on the
sentences it was measured on, where only the seed changes, and on new sentences. All is about the
searches' metric. Which sentences are right tells about the accuracy alone, so macro-F1 is not
compared sentence by sentence.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from analysis.intervals import Interval
from analysis.metric import Metric
from analysis.read.contents import Contents
from analysis.read.correct import Bits, Correct
from analysis.read.fewer_rows import without_rows
from analysis.read.folder import read_outcomes
from analysis.read.summary import Summary
from analysis.spread import PRIORS, Runs, Spread, Term, sampling_variance, sentence_variance

ScoredSplit = Literal["validation", "test"]
SCORED_SPLITS: tuple[ScoredSplit, ...] = ("validation", "test")
UNKNOWN_SIZE = 1000
"""Sentences in a split whose size an early version did not record."""
ROUNDING = 1e-9
"""Means that differ by less are equal."""
POWER = 0.8
"""How likely the seeds or sentences that would settle a difference show it, if it is as large as it
seems and the spread over seeds is as estimated."""


@dataclass(frozen=True)
class _Pool:
    """What runs must have in common to share a spread."""

    split: ScoredSplit
    metric: Metric
    sentences: int | None
    content: tuple[str, ...]
    """Data and encoder."""
    budget: str


@dataclass(frozen=True)
class Difference:
    """One mean score minus another, as fractions, with its 95 % intervals."""

    value: float
    half_width: float
    """On these sentences: only the seeds vary."""
    new_sentences: float
    """On new sentences: the seeds and the sentences vary."""
    p_value: float
    """Two-sided, on these sentences: how often equal recipes differ at least as much."""
    p_value_new_sentences: float
    """The same on new sentences."""
    seeds: int | None
    """Seeds on either side that show a difference of this size on these sentences, by `POWER`;
    None where no number of seeds is enough."""
    sentences: int | None
    """Sentences that show it on new ones, likewise, with the runs there are. It is a lower bound:
    the spread over seeds is taken to shrink with the sentences as that over sentences does."""
    paired: bool
    """Whether the sentences that each got right are compared one by one. Where they are not known,
    they count as independent, and what is said of new sentences is an upper bound."""

    @property
    def exceeds(self) -> bool:
        """Whether the interval on these sentences excludes 0."""
        return abs(self.value) > self.half_width

    @property
    def on_new_sentences(self) -> bool:
        """Whether the interval on new sentences excludes 0."""
        return abs(self.value) > self.new_sentences

    @property
    def interval(self) -> tuple[float, float, float]:
        """The value with its half widths, on these sentences and on new ones."""
        return self.value, self.half_width, self.new_sentences

    def __neg__(self) -> "Difference":
        """The other mean minus this one."""
        return replace(self, value=-self.value)

    def __str__(self) -> str:
        """In percentage points: `+4.0 ± 1.5`."""
        return f"{100 * self.value:+.1f} ± {100 * self.half_width:.1f}"


class Evidence:
    """All runs of some searches. Those on the same data, model, budget and split share a spread."""

    def __init__(
        self, summaries: Iterable[Summary], correct: Mapping[str, Correct] | None = None
    ) -> None:
        """`correct`: which sentences the runs got right, by the name of the search."""
        self._correct = correct or {}
        self._summaries = summaries = list(summaries)
        self._contents = Contents(summaries)
        pools: dict[_Pool, dict[object, Runs]] = {}
        for summary in summaries:
            for split in SCORED_SPLITS:
                recipes = pools.setdefault(self._pool(summary, split), {})
                for trial, values in _recipes(summary, split):
                    # Equal runs are those of a copied folder, which is no further evidence.
                    key = (summary.regime, trial, values)
                    recipes[key] = _runs(summary, split, values)
        self._spreads = {
            pool: Spread.of(list(recipes.values()), PRIORS[pool.split])
            for pool, recipes in pools.items()
        }

    @classmethod
    def beside(
        cls,
        results: Path,
        summaries: Sequence[Summary],
        correct: Mapping[str, Correct] | None = None,
    ) -> "Evidence":
        """These searches and all others that are finished in a results folder."""
        others = {summary.name: (summary, bits) for summary, bits in read_outcomes(results)}
        bits_by_search = {name: bits for name, (_, bits) in others.items()}
        names = {summary.name for summary in summaries}
        rest = [summary for name, (summary, _) in others.items() if name not in names]
        return cls([*summaries, *rest], {**bits_by_search, **(correct or {})})

    def without(self, rows: Mapping[str, Sequence[int]], data: Summary) -> "Evidence":
        """The searches on this one's data as if these rows of its splits were not there.

        Those of which it is not recorded which sentences were right are left out.
        """
        content = self._contents.of(data)[0]
        found = [
            without_rows(each, self._correct[each.name], rows)
            for each in self._summaries
            if each.name in self._correct and self._contents.of(each)[0] == content
        ]
        kept = {summary.name: (summary, bits) for summary, bits in filter(None, found)}
        return Evidence(
            [summary for summary, _ in kept.values()],
            {name: bits for name, (_, bits) in kept.items()},
        )

    @property
    def summaries(self) -> dict[str, Summary]:
        """The searches by their names."""
        return {summary.name: summary for summary in self._summaries}

    def spread(self, summary: Summary, split: ScoredSplit) -> Spread:
        """The spread over seeds on the data, model and budget of a search; the prior if it has no
        runs there."""
        return self._spreads.get(self._pool(summary, split)) or Spread.of([], PRIORS[split])

    def mean(self, summary: Summary, split: ScoredSplit) -> Interval:
        """The mean score of a search's report runs; NaN with n=0 if it has none."""
        values = reported(summary, split)
        if not values:
            return Interval(math.nan, None, 0)
        spread, runs = self.spread(summary, split), _runs(summary, split, values)
        seeds = spread.of_mean(runs)
        bits = self._reported_bits(summary, split)
        sampled = runs.unit if bits is None else sentence_variance(bits)
        return Interval(
            mean=runs.mean,
            half_width=spread.half_width(seeds),
            n=len(values),
            freedom=spread.freedom,
            new_sentences=spread.half_width(seeds, spread.known(sampled)),
        )

    def to_published(self, summary: Summary, published: float) -> Difference | None:
        """The mean test accuracy minus that of a published run; None without test runs.

        The published number is one run, whose spread over seeds is assumed to be ours. Which
        sentences it got right is not known, so on new sentences both count as independent: an upper
        bound. Its `seeds` are those from which on a difference of this size exceeds its interval.
        """
        values = reported(summary, "test")
        if not values:
            return None
        spread, runs = self.spread(summary, "test"), _runs(summary, "test", values)
        sampled = sampling_variance(published, runs.sentences)
        ours = spread.of_one_run(runs)
        theirs = ours * (sampled / runs.unit)
        seeds = ours * (1 / len(values) + sampled / runs.unit)
        value = runs.mean - published
        # Whatever we run, their single run keeps its noise.
        left = value**2 - spread.half_width(theirs) ** 2
        new = (seeds, spread.known(runs.unit + sampled))
        return Difference(
            value,
            spread.half_width(seeds),
            spread.half_width(*new),
            spread.p_value(value, seeds),
            spread.p_value(value, *new),
            max(1, math.ceil(spread.half_width(ours) ** 2 / left)) if left > 0 else None,
            None,  # The published run has been on no other sentences.
            paired=False,
        )

    def difference(
        self, first: Summary, second: Summary, split: ScoredSplit, pairs: int = 1
    ) -> Difference:
        """One search's mean score minus another's. Raises ValueError unless both have runs on the
        split, and one metric.

        `pairs`: how many such differences are looked at, for the number of seeds. On new sentences
        they are compared sentence by sentence if both are known to have met the same ones, else as
        if they were independent: an upper bound.
        """
        if first.metric != second.metric:
            raise ValueError("a difference needs scores by one metric")
        pair = (first, second)
        values = [reported(search, split) for search in pair]
        if not all(values):
            raise ValueError(f"a difference needs {split} runs of both searches")
        one, other = (_runs(search, split, own) for search, own in zip(pair, values))
        spread = self.spread(first, split)
        if spread is not self.spread(second, split):  # other data, model or budget
            spread = Spread.of([one, other], PRIORS[split])
        bits = [self._reported_bits(search, split) for search in pair]
        paired = _size(first, split) == _size(second, split) and (
            self._contents.of(first)[0] == self._contents.of(second)[0]
        )
        size = max(_size(search, split) or UNKNOWN_SIZE for search in pair)
        return _difference(spread, one, other, bits if paired else [None, None], pairs, size)

    def to_trial_0(self, summary: Summary) -> Difference | None:
        """The winner's mean score on validation minus that of trial 0, which is a single run.

        None where the winner has no report runs or trial 0 no score, and where trial 0 has won.
        """
        score = summary.trial_0_score
        if score is None or summary.winner == 0 or not summary.confirmed_scores:
            return None
        ours = _runs(summary, "validation", summary.confirmed_scores)
        theirs = _runs(summary, "validation", (score,))
        bits = [
            self._reported_bits(summary, "validation"),
            self._bits(summary, "search", 0, "validation", 1),
        ]
        size = _size(summary, "validation") or UNKNOWN_SIZE
        return _difference(self.spread(summary, "validation"), ours, theirs, bits, 1, size)

    def to_floor(self, summary: Summary, split: ScoredSplit) -> Difference | None:
        """The winner's mean score minus that of the best floor, which every seed makes alike; but
        with folds each seed divides the sentences anew.

        None where either has no score on the split.
        """
        floor, values = summary.best_floor, reported(summary, split)
        if floor is None or not values:
            return None
        metric = summary.metric
        score = floor.validation_score(metric) if split != "test" else floor.test_score(metric)
        if score is None:
            return None
        ours = _runs(summary, split, values)
        alike = split == "test" or summary.folds is None
        theirs = Runs((score,), ours.sentences, deterministic=alike)
        bits = [
            self._reported_bits(summary, split),
            self._bits(summary, floor.regime, 0, split, 1),
        ]
        size = _size(summary, split) or UNKNOWN_SIZE
        return _difference(self.spread(summary, split), ours, theirs, bits, 1, size)

    def between(self, summary: Summary, trial: int, other: int) -> Difference:
        """The mean score of one trial's choice runs minus that of another's."""
        pair = (trial, other)
        values = [summary.choice_run_scores[str(number)] for number in pair]
        one, two = (_runs(summary, "validation", own) for own in values)
        bits = [
            self._bits(summary, "choice", number, "validation", len(own))
            for number, own in zip(pair, values)
        ]
        size = _size(summary, "validation") or UNKNOWN_SIZE
        return _difference(self.spread(summary, "validation"), one, two, bits, 1, size)

    def _pool(self, summary: Summary, split: ScoredSplit) -> _Pool:
        size, content = _size(summary, split), self._contents.of(summary)
        return _Pool(split, summary.metric, size, content, summary.budget)

    def _reported_bits(self, summary: Summary, split: ScoredSplit) -> Bits | None:
        """Those of several report runs; one run does not tell seeds and sentences apart."""
        runs, winner = len(reported(summary, split)), summary.winner_trial
        return self._bits(summary, "report", winner, split, runs) if runs > 1 else None

    def _bits(
        self, summary: Summary, kind: str, trial: int | None, split: ScoredSplit, runs: int
    ) -> Bits | None:
        """Which sentences the runs of a trial got right; None where that is not recorded for all,
        or does not tell about the metric."""
        if summary.metric != "accuracy" or trial is None or summary.name not in self._correct:
            return None
        bits = self._correct[summary.name].of(kind, trial, split)
        return bits if bits is not None and len(bits) == runs else None


def reported(summary: Summary, split: ScoredSplit) -> tuple[float, ...]:
    """The scores of a search's report runs on a split."""
    return summary.test_scores if split == "test" else summary.confirmed_scores


def _difference(
    spread: Spread, one: Runs, other: Runs, bits: Sequence[Bits | None], pairs: int, size: int
) -> Difference:
    """One mean minus another. Without the bits of both, an upper bound on new sentences.

    `size`: the sentences of the split.
    """
    ours, theirs = bits
    sampled, paired = one.unit + other.unit, False
    if ours is not None and theirs is not None:
        sampled, paired = sentence_variance(ours, theirs), True
    value, level = one.mean - other.mean, 1 - 0.05 / pairs
    seeds = (spread.of_mean(one), spread.of_mean(other))
    new = (*seeds, spread.known(sampled))
    one_seed = _shown(spread, spread.of_one_run(one), spread.of_one_run(other), level=level)
    return Difference(
        value,
        spread.half_width(*seeds),
        spread.half_width(*new),
        spread.p_value(value, *seeds),
        spread.p_value(value, *new),
        _times(one_seed, value),
        _times(_shown(spread, *new, level=level), value, size),
        paired,
    )


def _shown(spread: Spread, *terms: Term, level: float = 0.95) -> float:
    """The difference with these variances that exceeds its interval with probability `POWER`."""
    return spread.half_width(*terms, level=level) + spread.half_width(*terms, level=2 * POWER - 1)


def _times(shown: float, value: float, unit: int = 1) -> int | None:
    """How many units show a difference of this size, if one shows `shown`; None if it is 0."""
    return max(1, math.ceil(unit * (shown / value) ** 2)) if abs(value) > ROUNDING else None


def _recipes(summary: Summary, split: ScoredSplit) -> Iterator[tuple[str, tuple[float, ...]]]:
    """The runs that tell about the spread: for each recipe a name and its scores.

    Runs that chose the winner have another mean than those that are reported, so they count as
    another recipe.
    """
    yield "report", reported(summary, split)
    if split == "validation":
        for trial, scores in summary.choice_run_scores.items():
            # In earlier versions these are the reported runs.
            if not (summary.selected_on_reported_runs and trial == str(summary.winner_trial)):
                yield trial, scores


def _runs(summary: Summary, split: ScoredSplit, values: tuple[float, ...]) -> Runs:
    same = summary.same_on_every_seed
    if summary.folds is not None and split == "validation":
        same = same and len(set(values)) == 1  # Each seed divides the sentences anew.
    return Runs(values, _effective_size(summary, split), same)


def _effective_size(summary: Summary, split: ScoredSplit) -> float:
    """How many sentences the sampling variance of a score rests on."""
    size = _size(summary, split) or UNKNOWN_SIZE
    return size if summary.metric == "accuracy" else summary.macro_f1_sentences.get(split, size)


def _size(summary: Summary, split: ScoredSplit) -> int | None:
    return summary.test_size if split == "test" else summary.validation_size
