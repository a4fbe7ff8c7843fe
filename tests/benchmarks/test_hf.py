"""The arithmetic of the benchmarks against Hugging Face's Trainer, and that both sides train the
same model on the same list."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel

import trainables
from search.spec import SearchSpec
from search.study import records
from search.study import study as studies
from search.study.proposals import ask
from tests import tiny
from tests.benchmarks import (
    corpus,
    curve,
    peak,
    process,
    report,
    time_to_accuracy,
    trials,
    vs_hf_trainer,
)
from tests.benchmarks.hf_figures import accuracy_line, figures, ratios, ratios_table, sides_table
from tests.benchmarks.hf_plan import HfSearch
from tests.benchmarks.hf_trainer import SentenceClassifier
from tests.benchmarks.journal_watcher import JournalWatcher
from tests.benchmarks.process import Ran
from tests.benchmarks.regimen_search import enqueue
from tests.benchmarks.sides import FIXED, RATES, Concurrency, rates
from tests.benchmarks.trials import Trial, Trials
from tests.benchmarks.work import Shape, forward_flop, training_flop
from trainables.parts.data.tokens import Data
from trainables.parts.model import loading
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.pretrained import Pretrained


def test_the_flop_of_a_sentence_are_those_that_torch_counts() -> None:
    config = BertConfig(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=96,
        attn_implementation="eager",
    )
    model, tokens = BertModel(config, add_pooling_layer=False), 7
    ids = torch.randint(0, 50, (1, tokens))
    with FlopCounterMode(display=False) as forward:
        hidden = model(input_ids=ids).last_hidden_state
    with FlopCounterMode(display=False) as backward:
        hidden.sum().backward()
    assert forward.get_total_flops() == forward_flop(tokens, Shape.of(config))
    assert forward.get_total_flops() + backward.get_total_flops() == training_flop(
        [tokens], Shape.of(config)
    )
    assert training_flop([tokens, 3], Shape.of(config)) == 3 * (
        forward_flop(tokens, Shape.of(config)) + forward_flop(3, Shape.of(config))
    )


def test_a_model_that_is_not_built_as_bert_is_refused() -> None:
    with pytest.raises(ValueError, match="has no intermediate_size"):
        Shape.of(type("Config", (), {"num_hidden_layers": 2, "hidden_size": 8}))


def test_the_peak_is_the_best_simultaneous_rate_of_all_processes() -> None:
    assert peak.best([[1.0, 5.0, 2.0], [4.0, 1.0, 2.0]]) == 6.0


def write_events(path: Path, lines: list[dict[str, Any]], rest: str = "") -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + rest, encoding="utf-8")
    return path


def test_events_become_trials_and_an_incomplete_line_is_skipped(tmp_path: Path) -> None:
    begin = {"event": "begin", "threads": 1}
    lines = [
        {"event": "asked", "at": 10.0},
        {**begin, "at": 12.0, "trial": "a", "learning_rate": 1e-4},
        {**begin, "at": 12.5, "trial": "b", "learning_rate": 2e-4},
        {"event": "epoch", "at": 14.0, "trial": "b", "accuracy": 0.5, "seconds": 1.5},
        {"event": "epoch", "at": 15.0, "trial": "a", "accuracy": 0.4, "seconds": 3.0},
        {"event": "end", "at": 15.1, "trial": "a"},
    ]
    read = trials.of_events(write_events(tmp_path / "events", lines, rest='{"event": "epo'))
    assert read.asked == 10.0
    assert read.trials == [Trial(1e-4, [3.0], [0.4], 15.1, 1), Trial(2e-4, [1.5], [0.5], None, 1)]
    assert read.complete == read.trials[:1]


def test_a_search_without_trials_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="began no trial"):
        trials.of_events(tmp_path / "nothing")


def searched(
    accuracies: list[float], seconds: float, asked: float = 110.0, ended: float = 190.0
) -> Trials:
    rate = [1e-4 * (number + 1) for number in range(len(accuracies))]
    return Trials(
        asked,
        [
            Trial(one, [seconds, seconds], [0.0, accuracy], ended, 1)
            for one, accuracy in zip(rate, accuracies)
        ],
    )


def test_the_measurements_of_a_turn() -> None:
    ran, peaks = (
        Ran(began=100.0, ended=200.0, pss=5, rss=7, workers=2),
        {
            "fp32": 10.0,
            "bf16": 40.0,
        },
    )
    told = figures(
        ran, searched([0.5, 0.7], seconds=3.0), tokens=400, flop=80, peaks=peaks, precision="fp32"
    )
    assert told == pytest.approx(
        {
            "start_up": 10.0,
            "search": 80.0,
            "closing": 10.0,
            "trials_an_hour": 90.0,
            "trials_an_hour_overall": 72.0,
            "epoch": 3.0,
            "pss": 5,
            "rss": 7,
            "accuracy": 0.6,
            "tokens_a_second": 10.0,
            "efficiency": 2.0 / 40.0,
            "efficiency_of_precision": 2.0 / 10.0,
        }
    )
    assert "efficiency" not in figures(ran, searched([0.5], 3.0), 400, 80, {}, "fp32")


def test_ratios_compare_the_same_repeat() -> None:
    turns = {
        "hf-fp32": {
            0: {"trials_an_hour": 10.0, "epoch": 8.0},
            1: {"trials_an_hour": 20.0, "epoch": 8.0},
        },
        "regimen": {
            1: {"trials_an_hour": 60.0, "epoch": 2.0},
            2: {"trials_an_hour": 70.0, "epoch": 2.0},
        },
    }
    assert ratios(turns, "hf-fp32", "trials_an_hour") == [3.0]
    assert ratios(turns, "hf-fp32", "epoch") == [4.0]


def test_the_tables_leave_out_a_side_that_failed() -> None:
    ran = Ran(began=100.0, ended=200.0, pss=5_000_000, rss=7, workers=2)
    told = figures(ran, searched([0.5], 3.0), 400, 80, {}, "fp32")
    shares = {"hf-bf16": "2 at a time", "regimen": "2 at a time"}
    shown = sides_table(
        {"hf-bf16": {}, "regimen": {0: told, 1: {**told, "trials_an_hour": 50.0}}}, shares
    )
    row = next(line for line in shown.splitlines() if line.startswith("trials an hour "))
    assert row.split("  ")[-1].strip() == "47.5 (45.0..50.0)" and " -  " in row
    assert "5.00" in shown
    assert ratios_table({"hf-bf16": {}, "regimen": {0: told}}).splitlines()[1].endswith("-")
    assert ratios_table({"regimen": {0: told}}) == ""


def test_accuracies_are_paired_by_learning_rate() -> None:
    ours, theirs = searched([0.50, 0.60, 0.70], 1.0), searched([0.49, 0.60, 0.71], 1.0)
    shuffled = Trials(theirs.asked, theirs.trials[::-1])
    line = accuracy_line("hf", [ours], [shuffled])
    assert "+0.00 ± 2.48 points (95 %, n=3 pairs of trials): they agree within noise" in line
    assert "THEY DIFFER" in accuracy_line("hf", [ours], [searched([0.40, 0.51, 0.60], 1.0)])
    assert "one pair" in accuracy_line("hf", [searched([0.5], 1.0)], [searched([0.4], 1.0)])


def test_numbers_have_significant_digits() -> None:
    assert [report.number(value) for value in (0.0, 0.012345, 1.5, 9.999, 124.4, 12_449.0)] == [
        "0",
        "0.0123",
        "1.50",
        "10.00",
        "124",
        "12,400",
    ]
    assert report.spread([3.0, 1.0, 2.0]) == "2.00 (1.00..3.00)"
    assert report.spread([2.0]) == "2.00" and report.spread([]) == "-"


def test_columns_are_aligned() -> None:
    assert report.table([["", "a"], ["wide", "1.5"]]) == "        a\nwide  1.5"


def test_the_seed_decides_the_order_of_the_learning_rates_only() -> None:
    first, second = rates(5, seed=0), rates(5, seed=1)
    assert first != second and sorted(first) == sorted(second) and len(set(first)) == 5
    assert all(RATES[0] < rate < RATES[1] for rate in first)


def test_when_a_curve_reaches_a_target() -> None:
    points = [(3.0, 0.4), (5.0, 0.8), (4.0, 0.6), (9.0, 0.9)]
    assert curve.reached(points, 0.6) == 4.0 and curve.reached(points, 0.95) is None
    assert (
        curve.best(points) == 0.9
        and curve.best(points, within=5.0) == 0.8
        and curve.best([]) is None
    )
    assert (
        curve.ratio(6.0, 2.0) == 3.0
        and curve.ratio(None, 2.0) is None
        and curve.ratio(2.0, None) is None
    )
    assert (
        curve.format_seconds(None, 20.0) == "not in 20 s"
        and curve.format_seconds(1.25, 20.0) == "1.2"
    )
    assert (
        curve.median_of([2.0, None, 4.0]) == "3.00 (2.00..4.00), n=2 of 3"
        and curve.median_of([None]) == "none, n=0 of 1"
    )


def test_the_comparison_of_two_searches() -> None:
    entry = {
        "seed": 7,
        "hf": {"seconds": 100.0, "curve": [(40.0, 0.5), (80.0, 0.8)]},
        "regimen": {"seconds": 120.0, "curve": [(20.0, 0.8), (90.0, 0.85), (110.0, 0.9)]},
    }
    assert (
        time_to_accuracy.best_known([entry]) == 0.85
    )  # not what came after the other's time was over
    row = time_to_accuracy.outcome(entry, near=0.845)
    assert row["top"] == {"hf": 0.8, "regimen": 0.85}
    assert row["best"] == {"target": 0.8, "hf": 80.0, "regimen": 20.0, "ratio": 4.0}
    assert row["near"] == {"target": 0.845, "hf": None, "regimen": 90.0, "ratio": None}
    assert "not in 100 s" in time_to_accuracy.table([row])


def test_both_sides_read_the_same_part_of_the_data(tmp_path: Path) -> None:
    source = str(tiny.write_corpus(tmp_path / "source"))
    folder = tmp_path / "part"
    folder.mkdir()
    part = corpus.write(source, 20, seed=3, folder=folder)
    whole = corpus.corpora.read(source)
    assert len(part.train) == 20 and set(part.train.texts) <= set(whole.train.texts)
    assert part.validation.texts == whole.validation.texts and part.labels == whole.labels
    with pytest.raises(ValueError, match="--sentences must be from 1 to"):
        corpus.write(source, 10**6, seed=3, folder=folder)


def spec_of(tmp_path: Path, count: int, model: Path) -> SearchSpec:
    return SearchSpec(
        regime="baseline",
        trials=count,
        data=str(tiny.write_corpus(tmp_path / "corpus")),
        model=str(model),
        epochs=1,
        name="listed",
        scheduler="none",
        confirm_top=0,
        fix={**FIXED, "batch_size": 8},
        results=str(tmp_path / "results"),
    )


@pytest.mark.parametrize("count", [2, 5])
def test_enqueued_configurations_are_asked_for_in_order(
    tmp_path: Path, model_folder: Path, count: int
) -> None:
    spec, listed = spec_of(tmp_path, count, model_folder), rates(count, seed=0)
    assert enqueue(spec, [{"learning_rate": rate, "head_learning_rate": rate} for rate in listed])[
        :2
    ] == ["--resume", "listed"]
    study = studies.open_study(SearchSpec.read(spec.folder))
    asked = [ask(study, spec) for _ in listed]
    configs = [records.CONFIG.read(trial) for trial in asked if trial is not None]
    assert (
        [config["learning_rate"] for config in configs]
        == [config["head_learning_rate"] for config in configs]
        == listed
    )
    assert all(config[name] == value for config in configs for name, value in FIXED.items())


def test_a_journal_is_watched_while_it_grows(tmp_path: Path, model_folder: Path) -> None:
    spec = spec_of(tmp_path, 2, model_folder)
    watch = JournalWatcher(spec.folder)
    watch.poll()
    assert watch.epochs == []
    enqueue(
        spec, [{"learning_rate": rate, "head_learning_rate": rate} for rate in rates(2, seed=0)]
    )
    study = studies.open_study(spec)
    trial = ask(study, spec)
    assert trial is not None
    for number, accuracy in ((1, 0.25), (2, 0.5)):
        trial.set_user_attr(
            f"{records.EPOCH_PREFIX}{number}", {"epoch": number, "validation_accuracy": accuracy}
        )
        watch.poll()
        watch.poll()
    assert [accuracy for _, accuracy in watch.epochs] == [0.25, 0.5]


def test_both_sides_train_the_same_model(
    model_folder: Path, pretrained: Pretrained, data: Data
) -> None:
    config = trainables.load("baseline").Config.from_dict({**FIXED})
    ours = Classifier.new(loading.load(str(model_folder)).build(), config, data.labels).eval()
    theirs = SentenceClassifier(str(model_folder), config, len(data.labels)).eval()
    theirs.classifier.load_state_dict(ours.head.state_dict())
    batch = data.train.take(np.arange(8))
    mask = torch.ones_like(batch.inputs) if batch.mask is None else batch.mask
    with torch.no_grad():
        output = theirs(input_ids=batch.inputs, attention_mask=mask, labels=batch.labels)
        torch.testing.assert_close(output["logits"], ours(batch))
    assert sum(p.numel() for p in theirs.parameters()) == sum(p.numel() for p in ours.parameters())
    assert output["loss"].item() == pytest.approx(
        torch.nn.functional.cross_entropy(output["logits"], batch.labels).item()
    )


def test_a_process_is_timed_and_its_failure_has_its_last_line(tmp_path: Path) -> None:
    looks: list[int] = []
    ran = process.run(
        "timeit",
        ["-n", "1", "-r", "1", "-s", "import time", "time.sleep(0.3)"],
        tmp_path / "log",
        lambda: looks.append(1),
        0.1,
    )
    assert 0.3 < ran.ended - ran.began < 30 and len(looks) > 2
    with pytest.raises(RuntimeError, match=r"json\.tool ended with 2: .*nothing-there"):
        process.run("json.tool", [str(tmp_path / "nothing-there")], tmp_path / "log")


@pytest.mark.parametrize(
    ("main", "argv", "said"),
    [
        (vs_hf_trainer.main, ["--trials", "0"], "--trials must be at least 1; got 0"),
        (vs_hf_trainer.main, ["--seed", "-1"], "--seed must be from 0 to"),
        (vs_hf_trainer.main, ["--data", "nowhere"], "unknown data 'nowhere'"),
        (vs_hf_trainer.main, ["--sentences", "0"], "--sentences must be from 1 to 1440"),
        (
            vs_hf_trainer.main,
            ["--out", "/no/such/folder/file"],
            "--out must be a file in an existing folder",
        ),
        (time_to_accuracy.main, ["--epochs", "0"], "--epochs must be at least 1; got 0"),
        (time_to_accuracy.main, ["--hf-backend", "optuna", "--hf-reuse"], "need --hf-backend ray"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    main: Any, argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    err = capsys.readouterr().err
    assert said in err and err.startswith("error: ") and err.count("\n") == 1


def test_fixed_fields_are_parsed_as_by_search_run() -> None:
    assert time_to_accuracy.fixed("baseline", ["head_width=none", "dropout=0.1"]) == {
        "head_width": None,
        "dropout": 0.1,
    }
    with pytest.raises(ValueError, match="--fix takes FIELD=VALUE"):
        time_to_accuracy.fixed("baseline", ["dropout"])


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["rates", "space", "points", "optuna"])
def test_hugging_faces_side_runs_every_trial_and_reports_every_epoch(
    tmp_path: Path, model_folder: Path, kind: str
) -> None:
    plan = HfSearch(
        data=str(tiny.write_corpus(tmp_path / "corpus")),
        model=str(model_folder),
        events=str(tmp_path / "events"),
        labels=len(tiny.VERBS),
        epochs=2,
        seed=0,
        bf16=False,
        slots=1,
        threads=1,
        fix={**FIXED, "batch_size": 8} if kind == "rates" else {},
        rates=rates(2, seed=0) if kind == "rates" else [],
        regime="llrd",
        trials=2,
        points=kind == "points",
        backend="optuna" if kind == "optuna" else "ray",
    )
    (tmp_path / "plan").write_text(plan.to_json(), encoding="utf-8")
    ran = process.run("tests.benchmarks.hf_search", [str(tmp_path / "plan")], tmp_path / "log")
    ended = trials.of_events(tmp_path / "events")
    assert [len(trial.accuracies) for trial in ended.complete] == [2, 2]
    assert ran.began < ended.asked < ran.ended and (ran.workers > 0) == (kind != "optuna")
    if kind == "rates":
        assert {trial.learning_rate for trial in ended.trials} == set(plan.rates)
    if kind == "points":
        assert [trial.learning_rate for trial in ended.trials] == [1e-4, 3e-4]


def test_concurrency_as_text() -> None:
    assert [str(Concurrency(2, 1)), str(Concurrency(1, 2))] == [
        "2 at a time, 1 thread each",
        "1 at a time, 2 threads each",
    ]


def test_the_order_of_sentences_depends_on_the_seed_alone(tmp_path: Path) -> None:
    source = str(tiny.write_corpus(tmp_path / "source"))
    parts = []
    for number, seed in enumerate((0, 0, 1)):
        random.seed(number)
        (tmp_path / str(number)).mkdir()
        parts.append(corpus.write(source, 10, seed, tmp_path / str(number)).train.texts)
    assert parts[0] == parts[1] != parts[2]
