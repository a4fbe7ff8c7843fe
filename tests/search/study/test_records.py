"""The journal's keys: read as they were written, also under the names of earlier versions."""

import json
import re
from pathlib import Path

import pytest
from optuna.storages.journal._storage import JournalOperation

from search.outputs.tables import epoch_rows, summarise, trial_rows
from search.spec import SearchSpec
from search.study import records
from search.study.study import JOURNAL, open_study, read_study
from search.trials.ledger import Ledger
from search.worker_reports import RUN_FINISHED
from tests.search.reported import epoch
from tests.specs import spec_in

OPTUNAS = {"study:metric_names", "fixed_params"}
"""System attributes of Optuna's own."""
EARLIER = {
    "best_validation_accuracy": "best_accuracy",
    "test_accuracy": "accuracy",
    "test_loss": "loss",
    "test_loss_paper": "paper_loss",
}
SCORES = {"test_accuracy": 0.8, "test_loss": 0.5, "test_loss_paper": 0.02}
FLOOR = {
    "config": {},
    "chosen": {},
    "validation_accuracy": 0.7,
    "validation_loss": 1.0,
    "began": 1.0,
    "ended": 2.0,
}


@pytest.fixture
def finished(tmp_path: Path) -> SearchSpec:
    """A search of two trials, with a winner that was run again and tested."""
    made = spec_in(tmp_path, trials=2, epochs=2, name="finished")
    study = open_study(made)
    ledger = Ledger(study, made)
    for ray_id in ("a", "b"):
        assert ledger.ask(ray_id)
        for number in (1, 2):
            ledger.report(ray_id, epoch(number, 0.4 + 0.1 * number))
        ledger.report(ray_id, {RUN_FINISHED: None})
    run = [epoch(number, 0.5 + 0.1 * number) for number in (1, 2)]
    records.CHOICE_RUNS.add(study, 0, 1, run)
    records.WINNER.write(study, 0)
    records.REPORT_RUNS.add(study, 0, 1000, run)
    records.TEST_SCORES.add(study, 0, 1000, SCORES)
    records.FLOORS.write(study, {"probe": FLOOR})
    return made


def test_a_journal_with_the_metric_names_of_earlier_versions_says_the_same(
    finished: SearchSpec,
) -> None:
    path = finished.folder / JOURNAL

    def everything() -> list[object]:
        study = read_study(finished.folder)
        rows = [trial_rows(study), epoch_rows(study, finished)]
        known = records.TEST_SCORES.read(study), records.FLOORS.read(study)
        return [*rows, summarise(study, finished), *known]

    today = everything()
    text = path.read_text()
    for name, earlier in EARLIER.items():
        text, changed = re.subn(f'"{name}"', f'"{earlier}"', text)
        assert changed, f"nothing in the journal is called {name}"
    path.write_text(text)
    assert everything() == today
    assert today[3] == {0: {1000: SCORES}}


def test_runs_are_kept_by_trial_and_seed_in_the_order_in_which_they_ended(
    finished: SearchSpec,
) -> None:
    study = open_study(finished)
    for trial, seed in ((1, 2), (0, 2), (1, 1)):
        records.CHOICE_FAILURES.add(study, trial, seed, f"broke on {seed}")
    read = records.CHOICE_FAILURES.read(read_study(finished.folder))
    assert read == {1: {2: "broke on 2", 1: "broke on 1"}, 0: {2: "broke on 2"}}
    assert list(read[1]) == [2, 1]
    assert records.CHOICE_FAILURES.of(study, None) == {} == records.CHOICE_FAILURES.of(study, 7)


def test_a_key_that_was_not_recorded_reads_as_its_default(finished: SearchSpec) -> None:
    study = open_study(finished)
    assert not records.ENDING.recorded(study) and records.ENDING.read(study) is None
    records.ENDING.write(study, None)
    assert records.ENDING.recorded(study)


def test_the_file_names_every_key_of_a_journal(finished: SearchSpec) -> None:
    names = {key.name for key in vars(records).values() if isinstance(key, records.Key)}
    hidden = records.RunKey | records.HiddenKey
    names |= {key.name for key in vars(records).values() if isinstance(key, hidden)}
    recorded = set()
    for line in (finished.folder / JOURNAL).read_text().splitlines():
        operation = json.loads(line)
        recorded |= set(operation.get("user_attr", {})) | set(operation.get("system_attr", {}))
    epochs = {name for name in recorded if name.startswith(records.EPOCH_PREFIX)}
    assert epochs and recorded - epochs - OPTUNAS <= names


def test_the_dashboard_shows_neither_epochs_nor_curves(finished: SearchSpec) -> None:
    """Nor predictions, nor labels in doubt: they are no user attributes. The score has its name."""
    study = open_study(finished)
    floors = {"probe": {"validation_accuracy": 0.8, "doubts": [{"split": "train", "row": 3}] * 200}}
    records.FLOORS.write(study, floors)
    records.predictions(0, 1000).write(study, {"predicted": [0], "confidence": [0.5]})
    study = read_study(finished.folder)
    shown = {*study.user_attrs, *(name for trial in study.trials for name in trial.user_attrs)}
    assert shown == {records.CONFIG.name, records.WINNER.name, records.TEST_SCORES.name}
    assert study.metric_names == ["best_validation_accuracy"]
    assert records.predictions(0, 1000).read(study) == {"predicted": [0], "confidence": [0.5]}
    assert records.FLOORS.read(study) == floors and records.FLOORS.recorded(study)


def test_a_journal_whose_attributes_are_all_the_users_says_the_same(
    finished: SearchSpec,
) -> None:
    """As earlier versions wrote them; a run that is added keeps those before it."""
    study = read_study(finished.folder)
    epochs = [records.epochs(trial) for trial in study.trials]
    curves = records.REPORT_RUNS.read(study)
    path = finished.folder / JOURNAL
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    codes = {JournalOperation.SET_STUDY_SYSTEM_ATTR: JournalOperation.SET_STUDY_USER_ATTR}
    codes[JournalOperation.SET_TRIAL_SYSTEM_ATTR] = JournalOperation.SET_TRIAL_USER_ATTR
    for line in lines:
        if not OPTUNAS & set(line.get("system_attr", OPTUNAS)):
            line["op_code"] = int(codes[line["op_code"]])
            line["user_attr"] = line.pop("system_attr")
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    study = open_study(finished)
    assert {records.REPORT_RUNS.name, records.FLOORS.name} <= {*study.user_attrs}
    assert records.FLOORS.recorded(study) and records.FLOORS.read(study) == {"probe": FLOOR}
    assert [records.epochs(trial) for trial in study.trials] == epochs
    assert records.REPORT_RUNS.read(study) == curves != {}
    records.REPORT_RUNS.add(study, 0, 1001, curves[0][1000])
    again = records.REPORT_RUNS.read(read_study(finished.folder))
    assert again == {0: {1000: curves[0][1000], 1001: curves[0][1000]}}
