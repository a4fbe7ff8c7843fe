"""A search that the version of 25 November 2026 ran: four trials of `supcon` on a toy corpus.

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


@pytest.fixture
def spec(tmp_path: Path) -> SearchSpec:
    """The search in a results folder of its own."""
    shutil.copytree(EARLIER, tmp_path / "before")
    text = (tmp_path / "before" / "spec.json").read_text()
    return replace(SearchSpec.from_json(text), results=str(tmp_path))


def content(trial: FrozenTrial) -> tuple[object, ...]:
    return trial.number, trial.state, trial.value, trial.params


def test_its_journal_has_the_result_that_it_had(spec: SearchSpec) -> None:
    before, now = read_summary(spec.folder), summarise(read_study(spec.folder), spec)
    names = (
        "best_trial best_validation_accuracy winner_trial choice_accuracy confirmed_accuracy"
        " confirmed_seeds test states batch_size last_contrastive_loss"
        " paper_config_validation_accuracy"
    )
    for name in names.split():
        assert getattr(now, name) == getattr(before, name), name
    assert now.confirmed_accuracy == pytest.approx((43 / 57, 43 / 57))
    assert now.seconds == pytest.approx(before.seconds)


def test_its_winner_is_exported(spec: SearchSpec) -> None:
    assert "regime: supcon" in export(spec.folder)


def test_it_goes_on_and_keeps_its_trials(spec: SearchSpec) -> None:
    before = [content(trial) for trial in trials(read_study(spec.folder))]
    ledger = resumed(replace(spec, trials=6))
    for number in (4, 5):
        trial = ledger.ask("a")
        assert trial is not None and trial.number == number
        for epoch in (1, 2, 3):
            if not ledger.report("a", report(trial.number, epoch)):
                break
        else:
            ledger.report("a", {RUN_FINISHED: None})
    assert ledger.all_trials_started
    after = [content(trial) for trial in trials(read_study(spec.folder))]
    assert len(before) == 4 and after[:4] == before and len(after) == 6
