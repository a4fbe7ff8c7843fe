"""Searches that earlier versions ran on a toy corpus, four trials each: one of each regime of the
version of 24 November 2026, and `supcon` of 25 November, which had report runs.

Nothing of `earlier/` is ever written anew: a test that fails says what users of that version lose.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import FrozenTrial

from analysis.read.folder import read_summary
from search.outputs.recipe import export
from search.outputs.tables import summarise
from search.spec import SearchSpec
from search.study.study import read_study, trials
from search.worker_reports import RUN_FINISHED
from tests.search.trials.test_resumed_decisions import report, resumed

EARLIER = Path(__file__).with_name("earlier")
FOLDERS = sorted(journal.parent for journal in EARLIER.rglob("study.journal"))


@pytest.fixture(params=FOLDERS, ids=lambda folder: f"{folder.name} of {folder.parent.name}")
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> SearchSpec:
    """The search in a results folder of its own."""
    made = SearchSpec.from_json((request.param / "spec.json").read_text())
    shutil.copytree(request.param, tmp_path / str(made.name))
    return replace(made, results=str(tmp_path))


def content(trial: FrozenTrial) -> tuple[object, ...]:
    return trial.number, trial.state, trial.value, trial.params


def test_all_regimes_of_that_version_are_there() -> None:
    regimes = {folder.name for folder in FOLDERS if folder.parent.name == "2026-11-24"}
    first = {"baseline", "llrd", "warmup", "llrd_warmup", "supcon", "simclr", "probe", "untuned"}
    assert regimes == first


def test_its_journal_has_the_result_that_it_had(spec: SearchSpec) -> None:
    before, now = read_summary(spec.folder), summarise(read_study(spec.folder), spec)
    names = (
        "best_trial best_validation_accuracy winner_trial confirmed_accuracy confirmed_seeds test"
        " states batch_size last_contrastive_loss paper_config_validation_accuracy"
        " selected_on_reported_runs"
    )
    for name in names.split():
        assert getattr(now, name) == getattr(before, name), name
    assert before.confirmed_accuracy and before.test
    assert now.choice_accuracy == (before.choice_accuracy or now.choice_accuracy)
    assert now.seconds == pytest.approx(before.seconds)


def test_its_winner_is_exported(spec: SearchSpec) -> None:
    assert f"regime: {spec.regime}\n" in export(spec.folder)


def test_it_goes_on_and_keeps_its_trials(spec: SearchSpec) -> None:
    study = read_study(spec.folder)
    before = [content(trial) for trial in trials(study)]
    more = len(before) + 2
    ledger = resumed(replace(spec, trials=more))
    for number in range(len(before), more):
        trial = ledger.ask("a")
        assert trial is not None and trial.number == number
        for epoch in (1, 2, 3):
            if not ledger.report("a", report(trial.number, epoch)):
                break
        else:
            ledger.report("a", {RUN_FINISHED: None})
    assert ledger.all_trials_started
    after = [content(trial) for trial in trials(read_study(spec.folder))]
    assert after[: len(before)] == before and len(after) == more
