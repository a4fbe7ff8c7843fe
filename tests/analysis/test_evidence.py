"""Which runs are pooled, and the intervals and differences made from them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.comparison.conditions import notes
from analysis.evidence import Difference, Evidence
from analysis.read.correct import COLUMNS, Correct, to_hex
from analysis.read.summary import Summary
from analysis.spread import PRIORS, Runs, Spread, sampling_variance
from tests.analysis.searches import (
    read_summary,
    reported_bits,
    summary,
    write_csv,
    write_search,
)

CHOICE = {"0": [0.86, 0.865], "2": [0.89, 0.90, 0.895]}


def test_df_counts_choice_and_report_runs_of_all_searches_on_the_same_terms() -> None:
    one = read_summary(choice_runs=CHOICE)
    two = read_summary("llrd", confirmed_accuracy=[0.87, 0.88, 0.89])
    evidence = Evidence([one, two])
    assert evidence.mean(one, "validation").freedom == 1 + (1 + 2) + 2
    assert evidence.mean(one, "test").freedom == 1 + 1
    for other in ({"data": "mine"}, {"model": "minilm"}, {"epochs": 4}, {"validation_size": 500}):
        alone = Evidence([one, read_summary("llrd", **other)])
        assert alone.mean(one, "validation").freedom == 1 + (1 + 2)


@pytest.mark.parametrize("regime", ["baseline", "llrd"])
def test_a_copied_folder_is_no_further_evidence(regime: str) -> None:
    one = read_summary(choice_runs=CHOICE)
    copy = read_summary(regime, choice_runs=CHOICE, name="copy")
    freedom = Evidence([one, copy]).mean(one, "validation").freedom
    assert freedom == (4 if regime == "baseline" else 8)


def test_runs_that_chose_the_winner_and_are_reported_count_once() -> None:
    early = read_summary(
        confirmed_accuracy=[0.89, 0.90, 0.895], confirmed_runs_chose=True, choice_runs=CHOICE
    )
    assert Evidence([early]).mean(early, "validation").freedom == 2 + 1


def test_a_mean_has_the_interval_of_the_pooled_spread() -> None:
    one = read_summary(choice_runs=CHOICE)
    runs = [Runs((0.89, 0.91), 2033), Runs((0.86, 0.865), 2033), Runs((0.89, 0.90, 0.895), 2033)]
    spread = Spread.of(runs, PRIORS["validation"])
    mean = Evidence([one]).mean(one, "validation")
    assert mean.half_width == spread.half_width(spread.of_mean(runs[0]))
    assert (mean.mean, mean.n) == (pytest.approx(0.9), 2)
    assert mean.new_sentences == spread.half_width(
        spread.of_mean(runs[0]), spread.known(runs[0].unit)
    )


def test_without_runs_there_is_no_mean() -> None:
    nothing = read_summary(confirmed_accuracy=[], test=[])
    evidence = Evidence([nothing])
    assert evidence.mean(nothing, "test").n == 0
    assert evidence.to_published(nothing, 0.85) is None
    with pytest.raises(ValueError, match="test runs of both"):
        evidence.difference(nothing, read_summary(), "test")


def test_a_single_run_has_the_interval_of_other_recipes() -> None:
    single = read_summary(confirmed_accuracy=[0.9])
    others = read_summary("llrd", choice_runs=CHOICE)
    alone, pooled = (
        Evidence(searches).mean(single, "validation") for searches in ([single], [single, others])
    )
    assert alone.half_width is not None and pooled.half_width is not None
    assert (alone.freedom, pooled.freedom) == (0, 4)
    assert pooled.half_width != alone.half_width > 0


def test_the_published_run_has_a_spread_like_ours() -> None:
    one = read_summary()
    evidence = Evidence([one])
    difference = evidence.to_published(one, 0.85)
    assert difference is not None
    runs = Runs((0.88, 0.90), 2974)
    spread = Spread.of([runs], PRIORS["test"])
    theirs = sampling_variance(0.85, 2974) / runs.unit
    assert difference.value == pytest.approx(0.04)
    assert difference.half_width == spread.half_width(spread.of_one_run(runs) * (0.5 + theirs))
    assert difference.new_sentences > difference.half_width
    assert str(difference) == f"+4.0 ± {100 * difference.half_width:.1f}"


def test_seeds_needed_make_a_difference_exceed_its_noise() -> None:
    """As many runs with the same spread, and no more known about it, have that interval."""
    one, spread = read_summary(), Spread.of([Runs((0.88, 0.90), 2974)], PRIORS["test"])
    ours = spread.of_one_run(Runs((0.88, 0.90), 2974))
    theirs = sampling_variance(0.859, 2974) / Runs((0.88, 0.90), 2974).unit
    near = Evidence([one]).to_published(one, 0.859)
    assert near is not None and not near.exceeds and near.seeds is not None

    def noise(seeds: int) -> float:
        return spread.half_width(ours * (1 / seeds + theirs))

    assert noise(near.seeds) <= near.value < noise(near.seeds - 1)
    nearer = Evidence([one]).to_published(one, 0.885)
    assert nearer is not None and nearer.seeds is None  # their one run alone varies by more


def pair(ours: list[float], theirs: list[float], **more: Any) -> tuple[Evidence, Difference]:
    one = read_summary(confirmed_accuracy=ours)
    other = read_summary("llrd", confirmed_accuracy=theirs, **more)
    evidence = Evidence([one, other])
    return evidence, evidence.difference(one, other, "validation")


def test_a_difference_is_antisymmetric_and_zero_has_no_seeds() -> None:
    one, other = read_summary(), read_summary("llrd", confirmed_accuracy=[0.88, 0.885])
    evidence = Evidence([one, other])
    there = evidence.difference(one, other, "validation")
    back = evidence.difference(other, one, "validation")
    assert there.value == -back.value
    assert (there.half_width, there.p_value) == (back.half_width, back.p_value)
    assert there.exceeds == (there.p_value < 0.05)
    assert pair([0.9, 0.91], [0.91, 0.9])[1].seeds is None


def test_searches_on_other_models_can_be_compared() -> None:
    _, difference = pair([0.9, 0.91], [0.7, 0.71], model="minilm")
    assert difference.exceeds and difference.value == pytest.approx(0.2)


def test_on_new_sentences_searches_are_paired_sentence_by_sentence() -> None:
    """Two recipes that err on the same sentences differ less than two that err on others."""
    generator = np.random.default_rng(0)
    hard = generator.random(2033) < 0.9
    ours = hard ^ (generator.random((2, 2033)) < 0.005)
    accuracies = ours.mean(axis=1).tolist()
    one, two = (
        read_summary(regime, name=regime, confirmed_accuracy=accuracies)
        for regime in ("baseline", "llrd")
    )
    same = {regime: reported_bits(validation=ours) for regime in ("baseline", "llrd")}
    other = {**same, "llrd": reported_bits(validation=generator.permutation(ours, axis=1))}
    unknown, paired, apart = (
        Evidence([one, two], bits).difference(one, two, "validation") for bits in ({}, same, other)
    )
    assert paired.new_sentences == pytest.approx(paired.half_width, rel=0.02)
    assert apart.new_sentences == pytest.approx(unknown.new_sentences, rel=0.05)
    assert unknown.new_sentences > 1.5 * unknown.half_width


def test_trial_0_and_the_floor_are_compared_sentence_by_sentence() -> None:
    """Against paired bootstrap draws of sentences, and against what is known without the bits."""
    generator = np.random.default_rng(0)
    hard = generator.random(2033) < 0.9
    ours = hard ^ (generator.random((2, 2033)) < 0.01)
    theirs = hard & (generator.random(2033) < 0.97)
    score = float(theirs.mean())
    floor = {"regime": "tfidf", "chosen": "", "seconds": 1.0, "validation_loss": None}
    summary = read_summary(
        confirmed_accuracy=ours.mean(axis=1).tolist(),
        paper_config_validation_accuracy=score,
        floors=[{**floor, "validation_accuracy": score}],
    )
    runs = reported_bits(validation=ours).runs
    single = {("search", 0, 0, "validation"): theirs, ("tfidf", 0, 0, "validation"): theirs}
    known = Evidence([summary], {summary.name: Correct({**runs, **single}, 2)})
    without = Evidence([summary], {summary.name: Correct(runs, 2)})
    draws = generator.integers(2033, size=(4000, 2033))
    sampled = (ours.mean(axis=0) - theirs)[draws].mean(axis=1).var()
    sampled -= (ours[0] != ours[1]).mean() / 4 / 2033  # what seeds change counts among the seeds
    spread = known.spread(summary, "validation")
    seeds = spread.of_mean(Runs(summary.confirmed_scores, 2033))
    for difference, bound, their_seeds in (
        (
            known.to_trial_0(summary),
            without.to_trial_0(summary),
            spread.of_one_run(Runs((score,), 2033)),
        ),
        (
            known.to_floor(summary, "validation"),
            without.to_floor(summary, "validation"),
            spread.known(0.0),
        ),
    ):
        assert difference is not None and bound is not None
        assert difference.value == pytest.approx(ours.mean() - score)
        assert (difference.value, difference.half_width) == (bound.value, bound.half_width)
        drawn = spread.half_width(seeds, their_seeds, spread.known(sampled))
        assert difference.new_sentences == pytest.approx(drawn, rel=0.03)
        assert difference.new_sentences < 0.9 * bound.new_sentences


def test_with_folds_each_seed_divides_the_sentences_anew() -> None:
    """So a floor's score on validation is by chance too, and a winner's is where runs differ,
    though the model of all sentences is the same on every seed."""
    test = [{**run, "test_loss": 0.5} for run in summary()["test"]]
    floor = {"regime": "tfidf", "chosen": "", "seconds": 1.0, "validation_loss": None}
    floors = [{**floor, "validation_accuracy": 0.8, "test_accuracy": 0.8}]
    widths = dict[tuple[int | None, str], float]()
    for folds in (None, 5):
        read = read_summary(folds=folds, floors=floors, test=test)
        assert read.same_on_every_seed
        evidence = Evidence([read], {})
        for split in ("validation", "test"):
            difference = evidence.to_floor(read, split)
            assert difference is not None
            widths[folds, split] = difference.half_width
    assert widths.pop((5, "validation")) > 0.01
    assert set(widths.values()) == {0.0}


def test_data_with_another_content_is_other_data() -> None:
    """Under one name, as after labels were corrected; and the same content under two names."""
    bits = reported_bits(validation=np.random.default_rng(0).random((2, 2033)) < 0.9)
    one = read_summary(data_fingerprint="aa")
    for changes, together in (
        ({"data_fingerprint": "bb"}, False),
        ({"data_fingerprint": "aa", "data": "elsewhere"}, True),
    ):
        other = read_summary("llrd", **changes)
        evidence = Evidence([one, other], {one.name: bits, other.name: bits})
        assert evidence.mean(one, "validation").freedom == (2 if together else 1)
        paired = evidence.difference(one, other, "validation")
        unknown = Evidence([one, other]).difference(one, other, "validation")
        assert (paired.new_sentences < unknown.new_sentences) is together
    corrected = " ".join(notes([one, read_summary("llrd", data_fingerprint="bb" * 8)]))
    assert (
        "baseline: massive with the content aa; llrd: massive with the content bbbbbbbb"
        in corrected
    )
    earlier = read_summary("llrd")  # It did not record its content, which is taken to be that.
    assert "differ in data" not in " ".join(notes([one, earlier]))
    assert Evidence([one, earlier]).mean(one, "validation").freedom == 2


def test_macro_f1_has_a_spread_of_its_own_and_no_pairs_of_sentences() -> None:
    """Its runs are no evidence about accuracies, and which sentences were right none about it."""
    one, two = (read_summary(regime, metric="macro_f1") for regime in ("baseline", "llrd"))
    bits = reported_bits(validation=np.ones((2, 2033), dtype=bool))
    known = Evidence([one, two, read_summary("supcon")], {one.name: bits, two.name: bits})
    unknown = Evidence([one, two])
    runs = Runs((0.83, 0.86), 900.0)
    assert known.mean(one, "validation") == unknown.mean(one, "validation")
    assert known.mean(one, "validation").freedom == 2
    spread = known.spread(one, "validation")
    difference = known.difference(one, two, "validation")
    assert difference == unknown.difference(one, two, "validation")
    assert difference.new_sentences == pytest.approx(
        spread.half_width(*[spread.of_mean(runs)] * 2, spread.known(2 * runs.unit))
    )
    with pytest.raises(ValueError, match="by one metric"):
        known.difference(one, read_summary("supcon"), "validation")


def test_searches_beside_a_folder_tell_about_its_spread(tmp_path: Path) -> None:
    """Damaged ones and unfinished ones are left out, and bits are read with the summaries."""
    one = read_summary(name="one")
    write_search(tmp_path / "one", outcome=summary(name="one"))
    other = summary("llrd", name="two", choice_runs=CHOICE)
    folder = write_search(tmp_path / "two", outcome=other, regime="llrd")
    write_search(tmp_path / "running")
    damaged = write_search(tmp_path / "damaged", outcome=summary("warmup", name="damaged"))
    (damaged / "summary.json").write_text("{")
    evidence = Evidence.beside(tmp_path, [one])
    assert evidence.mean(one, "validation").freedom == 1 + 1 + (1 + 2)
    two = Summary.from_dict(other)
    without = evidence.mean(two, "test")
    right = to_hex(np.ones(2974, dtype=bool))
    rows = [("report", 2, seed, "test", 2974, right) for seed in (1000, 1001)]
    write_csv(folder / "correct.csv", list(COLUMNS), [dict(zip(COLUMNS, row)) for row in rows])
    known = Evidence.beside(tmp_path, [one]).mean(two, "test")
    # Were all sentences right in all runs, new sentences would add nothing.
    assert known.half_width == without.half_width == known.new_sentences
    assert without.new_sentences is not None and without.half_width is not None
    assert without.new_sentences > without.half_width
