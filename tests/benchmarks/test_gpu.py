"""The GPU benchmark's arithmetic, and the whole of it on a CPU with a tiny model."""

import json
import os
import signal
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertModel

from tests import processes as commands
from tests.benchmarks.gpu import __main__ as gpu
from tests.benchmarks.gpu import sentences as made
from tests.benchmarks.gpu.job import Failed, JobContext, Setting
from tests.benchmarks.gpu.pool import ProcessPool
from tests.benchmarks.gpu.row import Row, fill, line
from tests.benchmarks.gpu.timer import WARM_STEPS, MeasurementOver, Run, Step, TrialTimer
from tests.benchmarks.gpu.trial import Trial
from tests.benchmarks.work import Shape, training_flop


def test_the_flop_of_a_step_are_those_that_torch_counts_without_padding() -> None:
    config = made.bert(layers=2, width=64)
    model = BertModel._from_config(config, attn_implementation="eager").train()
    model.pooler = None
    with FlopCounterMode(display=False) as counted:
        model(input_ids=torch.ones(3, 7, dtype=torch.long)).last_hidden_state.sum().backward()
    assert training_flop([7, 7, 7], Shape.of(config)) == counted.get_total_flops()


def test_the_default_shape_is_bert_base() -> None:
    assert Shape.of(made.bert(12, 768)) == Shape(layers=12, width=768, feed_forward=3072)
    assert made.bert(12, 768).num_attention_heads == 12


def test_sentences_have_the_lengths_of_massive() -> None:
    tokens = made.sentences(20_000, seed=0)
    counted = np.bincount(tokens.lengths, minlength=len(made.LENGTHS)) / len(tokens)
    assert np.abs(counted - np.array(made.LENGTHS) / 7305).max() < 0.01
    assert tokens.ids.min() > 0 and tokens.ids.max() < made.VOCABULARY


def test_packed_trials_add_up_over_their_own_steps() -> None:
    """By hand: 64 sentences in 2 s and 32 in 4 s are 40 a second; 1000 FLOP in 2 s and 400 in 4 s
    are 600 of the card's 6000."""
    first = Run([Step(10.0, 11.0, 32, 300, 400), Step(11.0, 12.0, 32, 310, 600)], peak=5)
    second = Run(
        [Step(10.5, 11.5, 16, 100, 200), Step(11.5, 14.5, 16, 100, 200)], peak=7, divided=1
    )
    row = fill(Row("cross-entropy", 32, 2, mps=False), [first, second], rate=6000.0)
    assert (row.failed, row.steps, row.step_ms, row.step_ms_mean) == (None, 4, 1000.0, 1500.0)
    assert (row.sentences_per_s, row.tokens_per_s, row.efficiency) == (40.0, 355.0, 0.1)
    assert (row.peak_bytes, row.divided) == (7, 1)


def test_a_row_with_a_failed_trial_has_the_reason_and_no_measurements() -> None:
    run = Run([Step(0.0, 1.0, 1, 1, 1), Step(1.0, 2.0, 1, 1, 1)])
    row = fill(Row("supcon", 1, 2, mps=True), [run, Failed("out of memory")], rate=1.0)
    assert row.failed == "1 of 2 trials: out of memory" and row.tokens_per_s is None
    assert "FAILED: 1 of 2 trials: out of memory" in line(row)


def test_only_whole_steps_in_the_window_are_timed() -> None:
    released: list[float] = []

    def release() -> float:
        released.append(time.monotonic())
        return released[0]

    timer = TrialTimer("cpu", release, 0.2, profiled=False)
    begun = 0
    with pytest.raises(MeasurementOver):
        while True:
            timer.begin_step(np.array([begun, 3]))
            begun += 1
            time.sleep(0.004)
    steps = timer.steps(Shape(1, 1, 1))
    assert [step.tokens for step in steps] == [
        number + 3 for number in range(WARM_STEPS, WARM_STEPS + len(steps))
    ]
    assert begun - WARM_STEPS - 1 <= len(steps) <= begun - WARM_STEPS
    assert steps[0].began >= released[0] and steps[-1].ended <= released[0] + 0.2
    assert all(before.ended == after.began for before, after in pairwise(steps))


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--device", "cpu", "--width", "100"], "--width a multiple of 64; got 12 and 100"),
        (["--device", "cpu", "--packed", "2", "0"], "--packed must be at least 1; got 0"),
        (["--device", "cpu", "--seconds", "nan"], "--seconds must be above 0 and at most 60"),
        (["--device", "cpu", "--out", "/nowhere/at/all.json"], "there is no /nowhere/at"),
        (["--losses", "hinge"], "invalid choice: 'hinge' (choose from"),
        pytest.param(
            [],
            "--device cuda needs a CUDA card",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is one"),
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        gpu.main(argv)
    error = capsys.readouterr().err
    assert ended.value.code == 2 and said in error and error.count("\n") == 1


@pytest.mark.soak
def test_the_whole_program_runs_on_a_cpu(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    small = [
        "--device",
        "cpu",
        "--layers",
        "1",
        "--width",
        "64",
        "--batch-sizes",
        "4",
        "--packed",
        "1",
        "2",
        "--seconds",
        "1",
    ]
    done = commands.run(
        "tests.benchmarks.gpu", *small, "--losses", "cross-entropy", "supcon", "--out", str(out)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    written: dict[str, Any] = json.loads(out.read_text())
    rows = written["rows"]
    cells = [(row["what"], row["packed"]) for row in rows]
    assert cells == [("cross-entropy", 1), ("cross-entropy", 2), ("supcon", 1), ("supcon", 2)]
    shape = Shape(layers=1, width=64, feed_forward=256)
    for row in rows:
        flop_per_token = row["efficiency"] * written["bf16_flop_per_s"] / row["tokens_per_s"]
        assert training_flop([3], shape) / 3 < flop_per_token < training_flop([30], shape) / 30
        assert row["step_ms_p10"] <= row["step_ms"] <= row["step_ms_p90"]
        assert 3 * row["sentences_per_s"] < row["tokens_per_s"] < 30 * row["sentences_per_s"]
    assert (
        rows[0]["times_alone"] == 1.0
        and rows[1]["times_alone"] == rows[1]["sentences_per_s"] / rows[0]["sentences_per_s"]
    )
    assert all(f"{row['what']:<14}{4:>6}{row['packed']:>7}" in done.stdout for row in rows)


@dataclass(frozen=True)
class Dies:
    """A job whose process is killed before it is ready."""

    def run(self, context: JobContext) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Hangs:
    """A job that is ready and never done."""

    def run(self, context: JobContext) -> None:
        context.release()
        time.sleep(600)


@dataclass(frozen=True)
class RunsOut:
    """A job that finds no memory."""

    def run(self, context: JobContext) -> None:
        raise torch.OutOfMemoryError("Tried to allocate 20.00 GiB")


@pytest.mark.soak
def test_failed_trials_are_reported_and_the_next_cell_is_measured() -> None:
    trial = Trial("cross-entropy", batch_size=4, seed=0, seconds=0.5)
    with ProcessPool(Setting("cpu", "fp32", layers=1, width=64, determinism="search")) as pool:
        died, other = pool.run([Dies(), trial], seconds=300)
        assert died == Failed("its process died with exit code -9")
        assert isinstance(other, Run) and other.steps == []  # it was warm, and sent home
        (hung,) = pool.run([Hangs()], seconds=1)
        assert hung == Failed("no answer within 1 s")
        short, _ = pool.run([RunsOut(), trial], seconds=300)
        assert short == Failed("out of memory: Tried to allocate 20.00 GiB")
        first, second = pool.run([trial, replace(trial, profiled=True)], seconds=300)
        assert len(first.steps) > 1 and len(second.steps) > 1
        assert first.profile is None and second.profile.kernels == 0  # a CPU has none
        processes = [worker.process for worker in pool.workers]
    assert not any(process.is_alive() for process in processes)
