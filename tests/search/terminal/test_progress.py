"""The plan, the progress and the commands that the terminal shows."""

import functools
import io
import os
import random
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial
from rich.console import Console

import trainables
from analysis.text import duration
from search.cluster.capacity import Capacity
from search.cluster.resources import Resources
from search.driver import pipeline
from search.planning.queue import Queue
from search.polling import polling
from search.spec import SearchSpec
from search.study import records
from search.study import study as studies
from search.terminal import next_commands, plan
from search.terminal.console import HEADING_WIDTH
from search.terminal.live_view import classifier_epochs
from search.terminal.progress import Progress, epoch_seconds_left
from search.terminal.text import ago, between, config_difference, config_differences, sparkline
from search.trials.choice_and_report import Round, Run
from search.trials.floors import REGIMES as FLOORS
from search.trials.ledger import Ledger
from search.worker_reports import ENDED_AT, RUN_FAILED, RUN_FINISHED, STARTED_AT
from tests import tiny
from tests.processes import run
from tests.search.reported import epoch
from tests.specs import spec_in

HERE = Resources(cpus=1, gpus=0, slots=2)


DIFFERENT = ("learning_rate", "weight_decay", "layerwise_decay")
"""Fields in which the trials of a crowd differ."""


def grown(folder: Path) -> tuple[SearchSpec, Any]:
    """A study with a complete, a failed and a running trial."""
    made = spec_in(folder, trials=4)
    study = studies.open_study(made)
    ledger = Ledger(study, made)
    for ray_id in "abc":
        ledger.ask(ray_id)
        ledger.report(ray_id, epoch(1, 0.5))
    for number in range(2, made.epochs + 1):
        ledger.report("a", epoch(number, 0.5))
    ledger.report("a", {RUN_FINISHED: None})
    ledger.report("b", {RUN_FAILED: "FloatingPointError: the loss became nan in epoch 2"})
    return made, study


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip fsync: hundreds of trials are written at once."""
    monkeypatch.setattr(os, "fsync", lambda file: None)


def crowded(folder: Path, running: int, **values: Any) -> tuple[SearchSpec, Any]:
    """A study of 400 trials of ten epochs, some of them running, which differ in three fields."""
    made = spec_in(folder, **{"regime": "supcon", "epochs": 10, "trials": 500, **values})
    study = studies.open_study(made)
    numbers = random.Random(0)
    config = trainables.load("supcon").Config(batch_size=128, head_width=None).to_dict()
    trials = []
    for number in range(400):
        scores = [numbers.random() for _ in range(10)]
        epochs = {
            f"{records.EPOCH_PREFIX}{at}": epoch(at, score) for at, score in enumerate(scores, 1)
        }
        runs = number >= 400 - running
        own = {name: numbers.random() for name in DIFFERENT}
        trials.append(
            create_trial(
                state=TrialState.RUNNING if runs else TrialState.COMPLETE,
                value=None if runs else max(scores),
                user_attrs={records.CONFIG.name: {**config, **own}, **epochs},
            )
        )
    study.add_trials(trials)
    return made, study


def shown(progress: Progress) -> list[str]:
    """The lines of the live view."""
    out = io.StringIO()
    progress.console.file = out
    progress.console.print(progress.render(studies.trials(progress.study)))
    return out.getvalue().splitlines()


def terminal(width: int = 80, height: int = 24) -> Console:
    return Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None
    )


def test_a_file_gets_one_line_for_each_trial(tmp_path: Path) -> None:
    out = io.StringIO()
    made, study = grown(tmp_path)
    progress = Progress(
        Console(file=out, width=80, soft_wrap=True), study, made, {}, Capacity(HERE)
    )
    progress.reported.clear()
    progress.update()
    progress.update()
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert "trial 0: 50.0 %" in lines[0] and "[1/4]" in lines[0]
    assert "trial 1: failed: FloatingPointError: the loss became nan" in lines[1]


def test_the_live_view_fits_into_80_columns(tmp_path: Path) -> None:
    out = io.StringIO()
    made, study = grown(tmp_path)
    console = Console(file=out, width=80, height=24, force_terminal=True, color_system=None)
    with Progress(console, study, made, {"dropout": 0.9}, Capacity(HERE)) as progress:
        progress.update()
    seen = out.getvalue()
    head = (
        "llrd",
        "5 to 10 s left",
        "2/4 trials",
        "1 running, 1 complete, 0 pruned, 1 failed",
        "2 at a time, 1 CPU each",
    )
    for words in (*head, "best so far: 50.0 %  trial 0, just now", "1/9", "50.0 %    ▅"):
        assert words in seen


def test_a_trial_without_a_worker_waits_for_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, study = grown(tmp_path)
    capacity = Capacity(HERE)
    progress = Progress(terminal(), study, made, {}, capacity)
    (running,) = [t.number for t in studies.trials(study) if t.state == TrialState.RUNNING]
    began = time.monotonic()
    for seconds, counts in ((0, "1 running,"), (5, "0 running,")):
        monkeypatch.setattr(time, "monotonic", lambda then=began + seconds: then)
        capacity.set_without_worker([running])
        with progress.console.capture() as seen:
            progress.console.print(progress.render(studies.trials(study)))
        assert counts in seen.get() and ("1 waiting for room" in seen.get()) == (seconds > 0)


@pytest.fixture(scope="module")
def crowds(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[SearchSpec, Any]]:
    """Crowded studies with a long name, by how many trials run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        return {
            running: crowded(tmp_path_factory.mktemp("crowd"), running, name="n" * 80)
            for running in (2, 60)
        }


@pytest.mark.parametrize("width", [60, 80, 120])
def test_two_running_trials_show_all_in_which_they_differ(
    width: int, crowds: dict[int, tuple[SearchSpec, Any]]
) -> None:
    made, study = crowds[2]
    lines = shown(Progress(terminal(width), study, made, {}, Capacity(HERE)))
    assert len(lines) <= 24 and all(len(line) <= width for line in lines)
    assert lines[0].startswith("supcon  nnn") and lines[0].rstrip().endswith(" left")
    assert lines[1].rstrip().endswith(" 398/500 trials")
    assert lines[2].rstrip() == "2 running, 398 complete, 0 pruned, 0 failed"
    rows = "\n".join(lines[5:])
    assert "how these trials differ" in lines[5] and ("▅" in rows) == (width > 60)
    assert all(rows.count(f"{name}=") == 2 for name in DIFFERENT)
    assert "batch_size" not in rows and "head_width" not in rows and "…" not in rows
    assert "10/30" in rows  # Those of the classifier stage are still to come.


@pytest.mark.parametrize("width", [60, 80, 120])
def test_many_running_trials_have_a_line_each(
    width: int, crowds: dict[int, tuple[SearchSpec, Any]]
) -> None:
    made, study = crowds[60]
    gpus = Resources(cpus=0.25, gpus=0.03125, slots=60)
    progress = Progress(terminal(width), study, made, {}, Capacity(gpus))
    progress.finished_before -= 100
    lines = shown(progress)
    assert len(lines) == 22 and all(len(line) <= width for line in lines)
    assert "the first 15 of 60 running trials:" in lines[5]
    assert all("weight_decay=0" in line for line in lines[-15:])
    assert all(line.rstrip().endswith("…") == (width < 120) for line in lines[-15:])
    if width >= 80:
        assert "trials per hour, 60 at a time, 0.25 CPU and 0.031 GPU each" in lines[3]


def test_a_single_running_trial_is_compared_with_trial_0(tmp_path: Path) -> None:
    made, study = grown(tmp_path)
    (config,) = [
        records.CONFIG.read(trial)
        for trial in studies.trials(study)
        if trial.state == TrialState.RUNNING
    ]
    paper = {**config, "dropout": 2.0}
    rows = "\n".join(shown(Progress(terminal(), study, made, paper, Capacity(HERE)))[5:])
    assert "differs from trial 0" in rows and f"dropout={config['dropout']:.2g}" in rows


def test_a_hyperparameter_without_effect_is_not_shown() -> None:
    """The rate of SGD, for a trial with AdamW."""
    configs = [
        {"optimizer": "adamw", "learning_rate": 0.1, "sgd_learning_rate": 0.5, "epochs": 3},
        {"optimizer": "sgd", "learning_rate": 0.2, "sgd_learning_rate": 0.7, "epochs": 3},
    ]
    searched = [{"optimizer", "learning_rate"}, {"optimizer", "sgd_learning_rate"}]
    assert config_differences(configs, searched, {}) == [
        "optimizer=adamw learning_rate=0.1",
        "optimizer=sgd sgd_learning_rate=0.7",
    ]


def test_an_interrupted_trial_is_said_to_repeat_its_epochs(tmp_path: Path) -> None:
    """Until it has an epoch of its own."""
    made, study = grown(tmp_path)
    trials = studies.trials(study)
    progress = Progress(terminal(), study, made, {}, Capacity(HERE))
    (trial,) = [each for each in trials if each.state == TrialState.RUNNING]
    assert trial.datetime_start is not None
    began = trial.datetime_start.timestamp()

    def rows() -> str:
        out = io.StringIO()
        progress.console.file = out
        progress.console.print(progress.render(trials))
        return " ".join(out.getvalue().split())

    def record(number: int, started: float) -> None:
        times = {STARTED_AT: started, ENDED_AT: started + 30}
        key = f"{records.EPOCH_PREFIX}{number}"
        trial.system_attrs = {**trial.system_attrs, key: epoch(number, 0.5) | times}

    record(1, began - 100)
    assert "interrupted, repeats 1 epoch;" in rows()
    record(2, began)
    assert "repeats" not in rows()


def test_choice_and_report_runs_are_shown_with_what_follows(tmp_path: Path) -> None:
    """Three runs on two workers: the third waits until one has ended, or lost its worker."""
    made, study = grown(tmp_path)
    progress = Progress(terminal(), study, made, {}, Capacity(HERE))
    progress.live = None

    def waits() -> dict[str, bool]:
        return {line.split()[1]: "waits" in line for line in shown(progress)[5:] if line.strip()}

    first, second, third = runs = tuple(Run(0, seed, {}, reports=False) for seed in (1, 2, 3))
    progress.begin(Round(runs, "choosing the winner: trials 0 on seed 1", runs_left=2))
    progress.started(first)
    progress.started(second)
    assert waits() == {"1": False, "2": False, "3": True}
    progress.epoch_ended(second, epoch(1, 0.25))
    row = next(line.split() for line in shown(progress)[5:] if line.split()[1] == "2")
    assert row[2:5] == [f"1/{made.epochs}", "25.0", "%"]
    progress.ended(first, "50.0 % on validation")
    progress.queued(second)
    progress.started(third)
    assert waits() == {"2": True, "3": False}
    assert "25.0" not in "".join(shown(progress)[5:])  # It begins again.
    lines = shown(progress)
    assert lines[1].rstrip().endswith(" 1/3 runs") and lines[0].rstrip().endswith(" left")
    assert lines[2].rstrip() == (
        "choosing the winner, up to 2 runs more, then 4 to 8 runs for the report"
    )
    progress.begin(Round((Run(0, 9, {}, reports=True),), "training the winner, trial 0"))
    assert "training and testing the winner for the report" in shown(progress)[2]


def test_a_file_gets_a_line_where_nothing_ends_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    made, study = grown(tmp_path)
    progress = Progress(Console(file=out, width=80), study, made, {}, Capacity(HERE))
    progress.update()
    assert out.getvalue() == ""
    progress.last_line -= 61
    progress.update()
    progress.update()
    assert re.fullmatch(r"running: trial 2 after 1 epoch \(5 to 10 s left\)\n", out.getvalue())
    progress.began -= 10_000  # Then 61 seconds are not long.
    progress.last_line -= 61
    progress.update()
    assert out.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    ("waiting", "said"),
    [
        (range(0), r"running: (trial \d+ after \d+ epochs?, ){8}52 more \("),
        (range(345, 403), r"running: (trial \d+ after \d+ epochs?(, )?)+; waiting for room: 58 \("),
        (range(343, 403), r"waiting for room: 60 \("),
    ],
)
def test_such_a_line_names_some_of_many_trials_and_none_that_waits(
    waiting: range, said: str, crowds: dict[int, tuple[SearchSpec, Any]]
) -> None:
    out, capacity = io.StringIO(), Capacity(HERE)
    made, study = crowds[60]
    progress = Progress(Console(file=out, width=80), study, made, {}, capacity)
    progress.update()
    out.truncate(out.seek(0))
    capacity.waiting = frozenset(waiting)
    progress.last_line -= 61
    progress.update()
    assert re.match(said, out.getvalue()), out.getvalue()


@pytest.mark.parametrize(
    ("config", "epochs"),
    [
        ({"classifier": "ridge", "head_epochs": 20}, 1),
        ({"classifier": "gradient", "head_epochs": 20}, 20),
        ({"dropout": 0.1}, 0),
    ],
)
def test_a_closed_form_classifier_takes_one_epoch(config: dict[str, Any], epochs: int) -> None:
    assert classifier_epochs(config) == epochs


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"epochs": 9}, "asha from epoch 3"),
        ({"epochs": 3}, "asha from epoch 2"),
        ({"epochs": 2}, "no pruning (asha from epoch 2 is too late)"),
        ({"epochs": 9, "grace": 7}, "no pruning (asha from epoch 7 is too late)"),
        ({"epochs": 9, "scheduler": "none"}, "no pruning;"),
    ],
)
def test_the_plan_names_the_first_epoch_with_pruning(
    values: dict[str, Any], said: str, tmp_path: Path
) -> None:
    out = io.StringIO()
    made = spec_in(tmp_path, **{"scheduler": "asha", **values})
    plan.print_plan(Console(file=out, width=200), made, HERE, "bf16")
    assert said in out.getvalue()


@pytest.mark.usefixtures("hasty")
def test_rates_count_only_trials_of_this_process(tmp_path: Path) -> None:
    """A search that is resumed at 398 trials, and sees two end in an hour."""
    made, study = crowded(tmp_path, 2, trials=424)
    progress = Progress(terminal(), study, made, {}, Capacity(HERE))
    progress.began -= 3600
    assert round(3600 * progress.trials_per_second(400), 2) == 2.0


def test_several_regimes_have_a_line_of_their_own(tmp_path: Path) -> None:
    made, study = grown(tmp_path)
    queue = Queue([made, made, made], 2, lambda: 10.0, number=2)
    lines = shown(Progress(terminal(), study, made, {}, Capacity(HERE), queue=queue))
    assert re.fullmatch(r"regime 2 of 3 +all regimes: [\w. ]+ left *", lines[1])


def test_the_best_trial_is_shown_with_its_age(tmp_path: Path) -> None:
    made, study = grown(tmp_path)
    progress = Progress(
        terminal(), study, made, trainables.load("llrd").Config().to_dict(), Capacity(HERE)
    )
    (best,) = [trial for trial in studies.trials(study) if trial.state == TrialState.COMPLETE]
    best.datetime_complete = datetime.now() - timedelta(minutes=4, seconds=50)
    assert progress.view.best([best]).plain == "best so far: 50.0 %  trial 0, 4m ago  the defaults"
    assert progress.view.best([]).plain == "best so far: none yet"
    assert [ago(seconds) for seconds in (0, 59, 61, 7500)] == [
        "just now",
        "just now",
        "1m ago",
        "2h05m ago",
    ]


def test_a_search_that_stops_says_so_once_and_when(tmp_path: Path) -> None:
    out = io.StringIO()
    made, study = grown(tmp_path)
    with Progress(Console(file=out, width=80), study, made, {}, Capacity(HERE)) as progress:
        progress.print_stopping()
        progress.print_stopping()
        progress.last_line -= 61
        progress.update()
    said = r"stopping after this epoch \(about [\d.]+s; press again to abort\)\n"
    assert re.fullmatch(f"{said}running: trial 2 after 1 epoch \\(stopping\\)\n", out.getvalue())


def running(began: float, *ends: float, seconds: float) -> FrozenTrial:
    """A running trial whose epochs ended at these times."""
    times = [{"seconds": seconds, ENDED_AT: end} for end in ends]
    epochs = {f"{records.EPOCH_PREFIX}{at}": {"epoch": at, **t} for at, t in enumerate(times, 1)}
    trial = create_trial(state=TrialState.RUNNING, user_attrs=epochs)
    trial.datetime_start = datetime.fromtimestamp(began)
    return trial


def test_the_seconds_left_of_an_epoch_are_the_slowest_running_trials() -> None:
    new, slow = running(100.0, seconds=0), running(50.0, 105.0, seconds=40.0)
    assert epoch_seconds_left([new], 110.0) is None
    done = running(50.0, 70.0, 90.0, seconds=20.0)
    done.state, done.values = TrialState.COMPLETE, [0.5]
    assert epoch_seconds_left([done], 110.0) == 0
    assert epoch_seconds_left([done, new], 110.0) == 10.0
    assert epoch_seconds_left([done, slow], 110.0) == 35.0
    assert epoch_seconds_left([done, slow], 200.0) is None, "it is late, by how much is not known"


def test_the_live_view_leaves_room_for_what_the_terminal_echoes(tmp_path: Path) -> None:
    """Without it, `^C` would wrap the last line, and the header be drawn twice."""
    out = io.StringIO()
    made, study = grown(tmp_path)
    console = Console(file=out, width=60, height=24, force_terminal=True, color_system=None)
    with Progress(console, study, made, {"dropout": 0.9}, Capacity(HERE)) as progress:
        progress.update()
        lines = re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", out.getvalue()).splitlines()
    assert 40 < max(len(line.rstrip("\r")) for line in lines) <= 60 - len("^C")


@pytest.mark.usefixtures("hasty")
def test_an_unchanged_view_is_redrawn_once_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, study = grown(tmp_path)
    drawn: list[int] = []

    def render(trials: Sequence[FrozenTrial]) -> str:
        drawn.append(len(trials))
        return ""

    with Progress(terminal(), study, made, {}, Capacity(HERE)) as progress:
        monkeypatch.setattr(progress, "render", render)
        for _ in range(5):
            progress.update()
        assert len(drawn) == 1
        progress.began -= 1
        progress.update()
        assert len(drawn) == 2


@pytest.mark.parametrize(("terminal", "quiet"), [(True, False), (True, True), (False, True)])
def test_each_reason_of_failure_is_printed_once_even_if_quiet(
    terminal: bool, quiet: bool, tmp_path: Path
) -> None:
    out = io.StringIO()
    made, study = grown(tmp_path)
    progress = Progress(
        Console(file=out, width=80, force_terminal=terminal), study, made, {}, Capacity(HERE), quiet
    )
    assert (progress.live is None) == quiet
    progress.reported.clear()
    progress.update()
    progress.reported.clear()
    progress.update()
    (line,) = [line for line in out.getvalue().splitlines() if line.startswith("[")]
    assert "trial 1: failed: FloatingPointError: the loss became nan in epoch 2" in line
    assert not quiet or out.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("sqlite:////a b/mlflow.db", "mlflow ui --backend-store-uri 'sqlite:////a b/mlflow.db'"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("https://me:secret@tracker.example/x", "https://tracker.example/x"),
        (
            "postgresql://me:secret@db.example/mlflow",
            'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"',
        ),
        ("databricks", "databricks"),
    ],
)
def test_mlflow_is_shown_as_a_command_or_an_address_without_password(
    uri: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert next_commands.browse(uri) == told
    served, page = told if told.startswith("http") else "http://127.0.0.1:5000", "/#/experiments/1"
    lines = next_commands.leaderboard(uri, page)
    assert lines[-1] == ("databricks" if uri == "databricks" else f"{served}{page}")
    assert lines[0].startswith(told) and next_commands.leaderboard(uri, None) == [told]


def test_a_failing_report_is_one_line(tmp_path: Path) -> None:
    """Its summary is damaged."""
    made, out = spec_in(tmp_path), io.StringIO()
    made.folder.mkdir(parents=True, exist_ok=True)
    (made.folder / "spec.json").write_text(made.to_json())
    (made.folder / "summary.json").write_text("{")
    pipeline.draw_report(made.folder, Console(file=out, soft_wrap=True))
    assert (
        out.getvalue().startswith("NOTE     the report could not be drawn: ValueError: ")
        and out.getvalue().count("\n") == 1
    )


def test_a_stopped_command_is_continued_with_all_its_searches() -> None:
    """A search whose name was derived is continued alone: the others have none yet."""
    regimes = ("baseline", "llrd")
    given = [SearchSpec(regime=each, data="d", model="m", name=f"a-{each}") for each in regimes]
    derived = [replace(spec, name=f"{spec.regime}-d-1") for spec in given]
    again = functools.partial(next_commands.again, auto=False, same=False)
    assert again(given, given[0]) == "the same command and --start-or-resume"
    assert again(derived, derived[0]).endswith("search.run --resume baseline-d-1")
    assert again(given[:1], given[0]).endswith("search.run --resume a-baseline")
    assert next_commands.again(given, given[0], auto=False, same=True) == "the same command"
    shared = next_commands.again(given, given[1], auto=True, same=False)
    assert shared == "the same command and --name a"


@pytest.mark.soak
def test_quiet_prints_only_the_table_and_the_next_commands(
    tmp_path: Path, model_folder: Path
) -> None:
    """Also for several regimes, and for a resumed search."""
    sources = ["--data", str(tiny.write_corpus(tmp_path / "corpus")), "--model", str(model_folder)]
    where = ["--results", str(tmp_path / "results"), "--quiet"]
    flags = "--regime llrd,untuned --trials 1 --epochs 1 --no-confirm --name q"
    every = run("search.run", *flags.split(), *sources, *where)
    more = run("search.run", "--resume", "q-untuned", "--trials", "2", *where)
    asked = ((every, ["llrd", "untuned"], "searches"), (more, ["untuned"], "search-q-untuned"))
    for done, regimes, view in asked:
        assert (done.returncode, done.stderr) == (0, "")
        table, _, following = done.stdout.partition("next:\n")
        header, *rows = [line.split()[0] for line in table.splitlines() if line.strip()]
        assert header == "regime" and sorted(rows) == sorted([*regimes, *FLOORS])
        lines = [line[2 + HEADING_WIDTH :] for line in following.splitlines()]
        report, browse, page, *commands = lines
        assert Path(report).is_file() and f"?viewStateShareKey={view}" in page
        commands = [browse, *commands]
        assert [line.split()[:3] for line in commands] == [
            ["mlflow", "ui", "--backend-store-uri"],
            ["python", "-m", "search.run"],  # to confirm the winner
            ["python", "-m", "search.export"],
            ["python", "-m", "search.train"],
        ]


def test_no_color_is_honoured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    made, study = grown(tmp_path)
    with Progress(
        Console(file=out, width=80, force_terminal=True), study, made, {}, Capacity(HERE)
    ) as progress:
        progress.update()
    assert "\x1b[32m" not in out.getvalue() and "\x1b[1;32m" not in out.getvalue()


def test_durations_differences_and_sparklines() -> None:
    assert [duration(seconds) for seconds in (4.4, 59.6, 200, 7500)] == [
        "4s",
        "1m00s",
        "3m20s",
        "2h05m",
    ]
    assert (
        config_difference({"a": 0.000123, "b": None, "c": 1}, {"a": 1.0, "b": 3, "c": 1})
        == "a=0.00012 b=none"
    )
    assert sparkline([0.0, 0.5, 1.0]) == "▁▅█"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0, 3, "up to 5 s"),
        (22, 26, "20 to 25 s"),
        (41, 44, "about 40 s"),
        (20, 200, "up to 3 min"),
        (160, 320, "3 to 5 min"),
        (1300, 3200, "20 to 55 min"),
        (6000, 9100, "1.5 to 2.5 h"),
        (40_000, 90_000, "11 to 25 h"),
    ],
)
def test_an_estimate_is_a_range_with_few_digits(low: float, high: float, said: str) -> None:
    assert between(low, high) == said


def test_polling_continues_after_exceptions() -> None:
    calls: list[float] = []

    def call() -> None:
        calls.append(time.monotonic())
        if len(calls) < 3:
            raise ConnectionError("down")

    with polling(call, every=0.01):
        time.sleep(0.2)
    assert len(calls) > 3
