"""What a search is said to take before it begins: the arithmetic, the measurement, and what a dry
run prints of both."""

import io
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rich.console import Console

import trainables
from search.cluster.resources import Resources
from search.inputs import Prepared
from search.planning import estimate, measure
from search.planning.estimate import Estimate, Measurement, StageTime
from search.run import main
from search.spec import SearchSpec
from search.study.configuration import point_parameters
from search.study.study import JOURNAL
from search.terminal import data, plan, space
from search.terminal.console import HEADING_WIDTH
from tests import specs, tiny
from tests.search.terminal.test_progress import grown
from trainables.parts.data.tokens import Batch, Data
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.pretrained import Pretrained
from trainables.parts.training.cross_validation import cross_validate

GIB = 2**30
ONE = Measurement(1.0, (StageTime(10, 5.0, 5.0),), GIB, 256)
TWO = Measurement(1.0, (StageTime(10, 12.0, 10.0), StageTime(20, 3.0, 0.5)), GIB, 256)
"""A trial of one stage, 51 s; and one of two: 1 + 12 + 9 * 10 + 3 + 19 * 0.5 = 115.5 s."""


def spec(**values: Any) -> SearchSpec:
    return specs.spec(**{"regime": "supcon", "grace": 3, "report_seeds": 3, **values})


def test_a_trials_duration_is_the_sum_of_its_stages() -> None:
    assert [ONE.seconds(), ONE.seconds(1), ONE.seconds(3)] == [51, 6, 16]
    assert [TWO.seconds(), TWO.seconds(1), TWO.seconds(3), TWO.seconds(10), TWO.seconds(12)] == [
        115.5,
        13,
        33,
        103,
        106.5,
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"epochs": 10}, [3]),  # the next would be 9, beyond two thirds
        ({"epochs": 27, "grace": 2}, [2, 6, 18]),
        ({"epochs": 8, "grace": 1, "reduction_factor": 2}, [1, 2, 4]),
        ({"epochs": 2}, []),
        ({"epochs": 10, "scheduler": "none"}, []),
        ({"epochs": 10, "scheduler": "median"}, []),
        ({"epochs": 10, "scheduler": "recent"}, [3]),
        ({"epochs": 10, "scheduler": "rush"}, []),
    ],
)
def test_rungs_are_the_epochs_after_which_one_in_so_many_continues(
    values: dict[str, Any], expected: list[int]
) -> None:
    assert estimate.rung_epochs(spec(**values)) == expected


def test_mean_seconds_weights_each_rung() -> None:
    assert estimate.mean_seconds(ONE, [], 3) == 51
    assert estimate.mean_seconds(TWO, [3], 3) == pytest.approx(2 / 3 * 33 + 1 / 3 * 115.5)
    assert estimate.mean_seconds(ONE, [1, 2], 2) == pytest.approx(
        1 / 2 * 6 + 1 / 4 * 11 + 1 / 4 * 51
    )


def test_time_and_memory_match_a_calculation_by_hand() -> None:
    """50 trials on two slots, 3 on 2 seeds, 1 on 3: 25 rounds; 1 whole trial and 49 mean ones of
    60.5 s; 3 + 2 rounds. Two GiB."""
    estimated = estimate.estimate(spec(), TWO, slots=2)
    assert (
        estimated.trials,
        estimated.unpruned,
        estimated.choice_and_report,
        estimated.memory,
    ) == (
        50,
        25 * 115.5,
        5 * 115.5,
        2 * GIB,
    )
    assert estimated.pruned == pytest.approx((115.5 + 49 * 60.5) / 2)
    unstopped = estimate.estimate(spec(scheduler="none", confirm_top=0), TWO, slots=4)
    assert (
        unstopped == Estimate(50, 13 * 115.5, None, 0, 4 * GIB) and unstopped.expected == 13 * 115.5
    )


def test_a_resumed_search_counts_its_remaining_trials() -> None:
    estimated = estimate.estimate(spec(), TWO, slots=2, finished=40)
    assert (estimated.trials, estimated.unpruned) == (10, 5 * 115.5)
    assert estimated.pruned == pytest.approx(10 * 60.5 / 2)
    assert estimate.estimate(spec(confirm_top=0), TWO, slots=2, finished=50) == Estimate(
        0, 0, None, 0, 0
    )
    small = estimate.estimate(spec(trials=3, confirm_top=0), TWO, slots=8)
    assert (small.unpruned, small.pruned, small.memory) == (115.5, 115.5, 3 * GIB)


def test_finished_trials_are_read_from_the_journal_without_changing_it(
    tmp_path: Path,
) -> None:
    made, _ = grown(tmp_path)
    before = (made.folder / JOURNAL).read_bytes()
    assert estimate.finished_trials(made) == 2  # one complete, one failed; the third was running
    assert (made.folder / JOURNAL).read_bytes() == before and [
        path.name for path in made.folder.iterdir()
    ] == [JOURNAL]
    assert (
        estimate.finished_trials(spec(name="never-begun", results=str(tmp_path))) == 0
        and not (tmp_path / "never-begun").exists()
    )


def test_stages_have_a_fixed_length_or_follow_the_budget() -> None:
    once, twice = (
        {"contrastive": [1.0], "classifier": [3.0, 1.0, 1.0]},
        {
            "contrastive": [2.0, 1.0],
            "classifier": [4.0, 0.5, 1.5],
        },
    )
    assert measure.scaled_stages(once, twice, epochs=10, scale=3) == (
        StageTime(10, 6, 3),
        StageTime(3, 12, 3),
    )
    assert measure.scaled_stages(once, twice, epochs=10, scale=3, part=0.5) == (
        StageTime(10, 3, 1.5),
        StageTime(3, 12, 3),
    )
    assert measure.scaled_stages({"untuned": [1.0]}, {"untuned": [1.5]}, epochs=1, scale=2) == (
        StageTime(1, 3, 3),
    )
    assert measure.scaled_stages(
        {"fine-tune": [1.0]}, {"fine-tune": [1.0, 2.0]}, epochs=1, scale=1
    ) == (StageTime(1, 1, 2),)


def test_warnings_name_a_remedy() -> None:
    def said(available: int, **values: Any) -> list[str]:
        made = spec(**values)
        return estimate.warnings(made, TWO, estimate.estimate(made, TWO, 4), 4, available)

    assert said(4 * GIB) == []
    assert said(3 * GIB) == [
        "4 trials at a time need more memory than is free: --max-concurrent 3 would fit"
    ]
    assert said(GIB // 2) == [
        "4 trials at a time need more memory than is free: not even one trial fits"
    ]
    half = estimate.estimate(spec(), TWO, 4).expected / 2
    assert said(4 * GIB, time_budget=half) == [
        "--time-budget will end the search after about 25 of 50 trials"
    ]
    assert said(4 * GIB, time_budget=2.1 * half) == []
    assert said(4 * GIB, trial_timeout=60.0) == [
        "--trial-timeout is shorter than trial 0, which would fail"
    ]


def test_a_subset_has_the_validation_sentences_of_its_part_of_an_epoch(prepared: Prepared) -> None:
    data = replace(prepared.data, epoch_size=len(prepared.data.train) // 2)
    half = measure.evenly_spaced(data, data.per_epoch // 2)
    assert len(half.validation) == pytest.approx(len(data.validation) / 2, abs=1)
    assert len(measure.evenly_spaced(data, data.per_epoch).validation) == len(data.validation)


def test_the_subset_has_the_length_distribution_of_all_sentences(prepared: Prepared) -> None:
    data = prepared.data
    part = measure.evenly_spaced(data, 64)
    assert len(part.train) == 64 and part.labels == data.labels
    assert len(part.validation) == round(64 / len(data.train) * len(data.validation))
    assert part.train.lengths.mean() == pytest.approx(data.train.lengths.mean(), rel=0.1)
    rows = {
        tuple(data.train.ids[start:end])
        for start, end in zip(data.train.offsets, data.train.offsets[1:])
    }
    assert {
        tuple(part.train.ids[start:end])
        for start, end in zip(part.train.offsets, part.train.offsets[1:])
    } <= rows
    every = measure.evenly_spaced(data, 1600)
    assert len(every.train) == len(data.train) and len(every.validation) == len(data.validation)
    assert len(measure.evenly_spaced(data, 10_000).train) == len(data.train)


class TokenClock:
    """A clock that one token through an encoder advances by 1, and building a model by 1000."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        build = Pretrained.build

        def counting(*args: Any) -> Encoder:
            encoder = build(*args)
            encoder.register_forward_pre_hook(lambda _, batches: self.count(*batches))
            self.now += 1000
            return encoder

        monkeypatch.setattr(Pretrained, "build", counting)
        monkeypatch.setattr(measure, "time", SimpleNamespace(perf_counter=lambda: self.now))

    def count(self, batch: Batch) -> None:
        self.now += batch.inputs.numel() if batch.mask is None else int(batch.mask.sum())


@pytest.mark.parametrize(
    ("regime", "lengths"),
    [("baseline", [10]), ("supcon", [10, 20]), ("probe", [1]), ("tfidf", [1]), ("untuned", [1])],
)
def test_the_estimate_of_each_epoch_is_what_it_takes_on_all_the_data(
    regime: str, lengths: list[int], prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock of tokens. The subsets are cut to whole sentences, which costs up to 1 %."""
    clock, made, threads = TokenClock(monkeypatch), spec(regime=regime), torch.get_num_threads()
    trial = measure.measure(made, prepared, Resources(1, 0, 2), "fp32", seconds=0)
    assert torch.get_num_threads() == threads
    assert 64 <= trial.sentences <= len(prepared.data.train)
    assert trial.peak_memory > 100 * 2**20 and trial.setup == 1000
    assert [stage.epochs for stage in trial.stages] == lengths
    estimated = [tokens for stage in trial.stages for tokens in (stage.first, stage.later)]
    assert estimated == pytest.approx(epoch_tokens(made, prepared, clock), rel=0.01)


@pytest.mark.parametrize("regime", ["baseline", "supcon"])
def test_the_estimate_of_a_cross_validated_epoch_is_what_all_folds_take(
    regime: str, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    folded = replace(prepared, data=replace(prepared.data, validation=prepared.data.train, folds=4))
    clock, made = TokenClock(monkeypatch), spec(regime=regime)
    alone, trial = (
        measure.measure(made, each, Resources(1, 0, 2), "fp32", seconds=0)
        for each in (prepared, folded)
    )
    assert trial.setup == 4000 and trial.peak_memory > alone.peak_memory
    estimated = [tokens for stage in trial.stages for tokens in (stage.first, stage.later)]
    # Four folds are a little unequal, in number and length of their sentences.
    assert estimated == pytest.approx(epoch_tokens(made, folded, clock), rel=0.03)


def test_a_stage_that_may_end_early_is_estimated_at_its_full_length(prepared: Prepared) -> None:
    made = spec(regime="supcon", fix={"early_stopping_patience": 1})
    trial = measure.measure(made, prepared, Resources(1, 0, 2), "fp32", seconds=0)
    assert [stage.epochs for stage in trial.stages] == [10, 20]


def epoch_tokens(made: SearchSpec, prepared: Prepared, clock: TokenClock) -> list[float]:
    """Tokens of the first and of a later epoch of each of trial 0's stages on all the data."""
    module = trainables.load(made.regime)
    config = module.Config.from_dict(point_parameters(made, {}))
    data = prepared.data
    encoders = iter([prepared.small.build() for _ in range(data.folds or 1)])

    def train(data: Data) -> Any:
        return module.train(config, data, next(encoders), epochs=3, seed=0)

    last, tokens = clock.now, dict[str, list[float]]()
    for epoch in train(data) if data.folds is None else cross_validate(train, data, seed=0):
        tokens.setdefault(epoch.stage, []).append(clock.now - last)
        last = clock.now
    return [number for stage in tokens.values() for number in (stage[0], stage[-1])]


@pytest.mark.parametrize("epoch_size", [None, 2000])
def test_the_table_of_several_regimes_fits_80_columns(
    epoch_size: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan.psutil, "virtual_memory", lambda: SimpleNamespace(available=200 * GIB))
    large = replace(TWO, peak_memory=25 * GIB, stages=(StageTime(10, 1200.0, 1000.0),))
    made = [
        spec(regime=regime, trials=1000, epoch_size=epoch_size)
        for regime in ("llrd_grouped", "supcon_joint", "simclr_crop")
    ]
    plans = [plan.Planned(each, large, 0) for each in made]
    plans += [plan.Planned(spec(regime="rdrop"), None, 0)]
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None)
    plan.print_estimates(console, plans, Resources(4, 0.25, 4))
    lines = out.getvalue().splitlines()
    assert "…" not in out.getvalue() and all(len(line) <= 80 for line in lines)
    assert [line.split()[0] for line in lines[:5]] == [
        *("regime", "llrd_grouped", "supcon_joint", "simclr_crop", "rdrop"),
    ]
    assert "100.0 GiB" in lines[1] and lines[4].split()[-1] == "fails"
    assert ("an epoch has 2,000 sentences" in out.getvalue()) == (epoch_size is not None)


def test_a_search_with_more_trials_than_asked_for_says_so() -> None:
    out = io.StringIO()
    plan.print_surplus(Console(file=out, width=200), begun=12, trials=5)
    assert "--trials 5 is fewer than the 12 trials that this search has" in out.getvalue()


def test_the_plan_is_wrapped_in_a_terminal_only(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan.psutil, "virtual_memory", lambda: SimpleNamespace(available=20 * GIB))
    made = spec(data="d" * 70, time_budget=60.0)
    shown = {}
    for terminal in (True, False):
        out = io.StringIO()
        console = Console(
            file=out,
            width=80,
            force_terminal=terminal,
            color_system=None,
            soft_wrap=True,
            highlight=False,
        )
        data.print_data(console, replace(prepared.corpus, source=made.data))
        data.print_model(console, prepared, made.model)
        plan.print_plan(console, made, Resources(1, 0.25, 4), "bf16")
        plan.print_estimate(console, plan.Planned(made, TWO, 0), Resources(1, 0.25, 4), 1440)
        space.print_space(console, made)
        shown[terminal] = out.getvalue().splitlines()
    assert all(len(line) <= 80 for line in shown[True])
    headings = [
        "data",
        "labels",
        "note",
        "tokens",
        "model",
        "search",
        "machine",
        "total",
        "time",
        "memory",
        "basis",
        "note",
    ]
    plain = shown[False][: len(headings)]
    assert [line.split()[0] for line in plain] == headings
    beside = [
        line
        for line in shown[True]
        if line[:HEADING_WIDTH].strip() in headings or line.startswith(" " * HEADING_WIDTH)
    ]
    assert " ".join(" ".join(beside).split()) == " ".join(" ".join(plain).split())
    whole = r"total    \d+ to \d+ min including start-up, choice and report runs, and the report"
    assert re.fullmatch(whole, plain[7])
    assert (
        "50 trials take 25m without pruning, 13m if one in 3 continues from each rung; the"
        " choice and report runs 6m" in plain[8]
    )
    assert (
        "1.0 GiB per trial, 4.0 GiB for all trials that run at the same time; 20.0 GiB are free"
        in plain[9]
    )


def test_a_dry_run_prints_time_memory_and_warnings_and_writes_nothing(
    tmp_path: Path,
    model_folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    corpus, results = tiny.write_corpus(tmp_path / "corpus"), tmp_path / "results"
    before = sorted(tmp_path.rglob("*"))
    argv = [
        "--regime",
        "baseline",
        "--data",
        str(corpus),
        "--model",
        str(model_folder),
        "--results",
        str(results),
        "--dry-run",
    ]
    assert main([*argv, "--time-budget", "1s", "--address", "10.1.2.3:6379"]) == 0
    said = capsys.readouterr().out
    for words in (
        "tokens   median",
        "labels   4, ",
        "without pruning",
        "GiB per trial",
        "basis    trial 0 takes",
    ):
        assert words in said
    assert "--time-budget will end the search after about" in said
    assert "planned for this machine; the cluster at 10.1.2.3:6379 may have more" in said
    assert sorted(tmp_path.rglob("*")) == before
    assert main(argv) == 0
    assert (
        "--time-budget" not in (said := capsys.readouterr().out)
        and "planned for this machine" not in said
    )


def test_a_dry_run_reports_that_trial_0_fails(
    tmp_path: Path,
    model_folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def train(*_: Any, **__: Any) -> Any:
        raise FloatingPointError("the loss became nan in epoch 1")

    monkeypatch.setattr(trainables.load("baseline"), "train", train)
    corpus = tiny.write_corpus(tmp_path / "corpus")
    argv = [
        "--regime",
        "baseline",
        "--data",
        str(corpus),
        "--model",
        str(model_folder),
        "--results",
        str(tmp_path / "results"),
    ]
    assert main([*argv, "--dry-run"]) == 0
    said = capsys.readouterr().out
    failed = "FloatingPointError: the loss became nan in epoch 1"
    assert f"trial 0 of baseline fails on a few sentences: {failed}" in said
    assert "without pruning" not in said and "nothing was run" in said


def test_a_quiet_dry_run_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--regime", "baseline", "--dry-run", "--quiet"]) == 2
    assert "--dry-run and --quiet cannot be combined" in capsys.readouterr().err
