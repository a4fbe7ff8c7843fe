"""Recorded searches: the slices they train on, their files, and that recording continues."""

import json
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

import trainables
from search.inputs import resolve_precision
from search.spec import SearchSpec
from search.study import records
from search.study.study import read_study, trials
from tests import tiny
from tests.benchmarks.replay import recorder, recording, slices
from tests.benchmarks.replay.__main__ import main
from tests.benchmarks.replay.recorder import Job, Recorder
from tests.benchmarks.replay.recording import Conditions, Recording, Row
from tests.processes import Searched

CONDITIONS = Conditions(
    data="snips",
    regime="supcon",
    sampler="tpe",
    seed=1,
    epochs=10,
    model="minilm",
    precision="bf16",
    train=600,
    validation=400,
    intents=7,
    points=3,
    data_fingerprint="0" * 16,
)
ROW = Row(
    number=3,
    config={"learning_rate": 1.2345678901234567e-05, "head_width": None, "views": "x, y"},
    untrained=0.6725,
    accuracies=[0.5, 0.7125],
    seconds=[3.21, 3.0],
    score=0.7125,
)
FAILED = Row(
    number=12,
    config={},
    untrained=0.1,
    accuracies=[],
    seconds=[],
    score=None,
    failure='FloatingPointError: "nan", in epoch 1',
)


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = Recording(CONDITIONS, [ROW, FAILED])
    recording.write(Recording(CONDITIONS, [FAILED, ROW]), tmp_path)
    recording.write(Recording(replace(CONDITIONS, data="clinc150"), []), tmp_path)
    empty, read = recording.read(tmp_path)
    assert read == made and empty.rows == [] and empty.conditions.data == "clinc150"


def test_a_file_that_is_no_recording_is_named(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text('{"regime": "supcon"}')
    with pytest.raises(ValueError, match=r"spec\.json' is not a recording"):
        recording.read(tmp_path)


@pytest.mark.parametrize("count", [1, 37, 60, 100])
def test_each_label_has_its_share_of_a_slice(count: int) -> None:
    labels = ["often"] * 50 + ["seldom"] * 8 + ["once"] + ["half"] * 41
    rows = slices.stratified(labels, count)
    assert len(set(rows)) == count and rows == slices.stratified(labels, count)
    counts = Counter(labels[row] for row in rows)
    for label, number in Counter(labels).items():
        assert abs(counts[label] - count * number / len(labels)) < 1
    assert slices.stratified(labels, 1000) == list(range(100))


def test_a_slice_has_some_intents_of_both_splits_and_no_test_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test split here is no readable file, so that reading it would fail."""
    corpus = tiny.write_corpus(tmp_path / "corpus")
    (corpus / "test.jsonl").write_text("not JSON")
    monkeypatch.setitem(slices.INTENTS, "corpus", 2)
    slices.write("corpus", tmp_path, 30, tmp_path / "slice")
    train, validation = (
        [json.loads(line) for line in (tmp_path / "slice" / name).read_text().splitlines()]
        for name in ("train.jsonl", "validation.jsonl")
    )
    assert (len(train), len(validation)) == (30, 20)
    labels = [{row["label"] for row in split} for split in (train, validation)]
    assert labels[0] == labels[1] and len(labels[0]) == 2
    rows = tiny.split_rows()
    assert {(row["text"], row["label"]) for row in train} <= set(rows["train"])
    assert {(row["text"], row["label"]) for row in validation} <= set(rows["validation"])
    assert not (tmp_path / "slice" / "test.jsonl").exists()


def arguments(folder: Path, model: Path, **values: Any) -> Namespace:
    """Flags of `record` for the toy corpus in `folder`."""
    given: dict[str, Any] = {
        "data": ["corpus"],
        "data_root": folder,
        "regimes": ["llrd_warmup"],
        "samplers": ["random", "tpe"],
        "trials": 5,
        "epochs": 2,
        "sentences": 24,
        "seed": 1,
        "model": str(model),
        "precision": "fp32",
        "workers": 1,
        "out": folder / "curves",
    }
    return Namespace(**given | values)


def record_some(made: Recorder, count: int) -> list[tuple[str, int]]:
    """Train up to `count` trials in this process; returns each one's sampler and number."""
    recorded = list[tuple[str, int]]()
    while len(recorded) < count and (next_one := made.next()):
        series, trial = next_one
        _, row = recorder.train(series.job(trial))
        series.add(trial, row)
        recorded.append((series.conditions.sampler, row.number))
    return recorded


def accuracies(folder: Path) -> list[tuple[str, int, float | None, list[float]]]:
    return [
        (recorded.conditions.name, row.number, row.score, row.accuracies)
        for recorded in recording.read(folder / "curves")
        for row in recorded.rows
    ]


@pytest.mark.slow
def test_recording_continues_as_if_it_had_not_stopped(tmp_path: Path, model_folder: Path) -> None:
    """Stopped after 7 of 10 trials: 5 random ones, and 2 of TPE."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        tiny.write_corpus(folder / "corpus")
    order = record_some(Recorder(arguments(whole, model_folder), whole / "scratch"), 99)
    assert order == [(sampler, number) for sampler in ("random", "tpe") for number in range(5)]
    first = record_some(Recorder(arguments(cut, model_folder), cut / "scratch"), 7)
    made = Recorder(arguments(cut, model_folder), cut / "again")
    assert [*first, *record_some(made, 99)] == order and made.report()
    assert accuracies(cut) == accuracies(whole)
    with pytest.raises(ValueError, match="other conditions"):
        Recorder(arguments(cut, model_folder, sentences=20), cut / "other")


def test_a_configuration_that_fails_is_a_row(
    tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its second epoch."""
    regime = trainables.load("llrd_warmup")
    train = regime.train

    def diverge(*args: Any, **named: Any) -> Iterator[Any]:
        yield next(train(*args, **named))
        raise FloatingPointError("the loss became nan in epoch 2")

    monkeypatch.setattr(regime, "train", diverge)
    tiny.write_corpus(tmp_path / "corpus")
    made = Recorder(arguments(tmp_path, model_folder), tmp_path / "scratch")
    assert record_some(made, 1) == [("random", 0)]
    (row,) = recording.read(tmp_path / "curves")[0].rows
    assert row.score is None and len(row.accuracies) == len(row.seconds) == 1
    assert row.failure == "FloatingPointError: the loss became nan in epoch 2"
    (trial,) = made.series[0].study.get_trials(states=[TrialState.FAIL])
    assert trial.number == 0


@pytest.mark.slow
def test_a_recorded_curve_is_that_of_a_search(searched: Searched) -> None:
    """Of every trial, as far as the search let it run."""
    done = trials(read_study(searched.folder))
    spec = SearchSpec.read(searched.folder)
    for trial in done:
        job = Job(
            folder=str(searched.corpus),
            model=str(searched.model),
            regime=spec.regime,
            sampler="tpe",
            precision=resolve_precision("auto", gpu=False),
            epochs=spec.epochs,
            seed=spec.seed,
            number=trial.number,
            config=records.CONFIG.read(trial),
        )
        _, row = recorder.train(job)
        expected = [round(epoch["validation_accuracy"], 4) for epoch in records.epochs(trial)]
        assert row.accuracies[: len(expected)] == expected
        if trial.state == TrialState.COMPLETE:
            assert trial.value is not None and row.score == round(trial.value, 4)
    assert {TrialState.COMPLETE, TrialState.PRUNED} <= {trial.state for trial in done}


@pytest.mark.soak
def test_the_command_records_in_processes_of_its_own(
    tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Called again for more trials, it trains those only."""
    tiny.write_corpus(tmp_path / "corpus")
    said = []
    for count in ("2", "3"):
        command = ["record", "--trials", count, "--regimes", "llrd_warmup", "--epochs", "2"]
        command += ["--data", "corpus", "--data-root", str(tmp_path), "--model", str(model_folder)]
        command += ["--samplers", "random", "--out", str(tmp_path / "curves")]
        assert main(command) == 0
        said.append(capsys.readouterr().out.splitlines())
    assert [len(lines) for lines in said] == [2 + 1, 1 + 1]
    assert said[1][0].startswith("corpus llrd_warmup random 2: ")
    assert said[1][1] == "corpus_llrd_warmup_random_1: 3 trials"
    (recorded,) = recording.read(tmp_path / "curves")
    assert [row.number for row in recorded.rows] == [0, 1, 2]
