"""The benchmark of large searches, on a small one."""

from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import TrialState

from search.study import records
from search.study import study as studies
from search.study.study import open_study
from tests.benchmarks import scale


def test_the_journal_is_that_of_a_search_and_every_part_is_timed(tmp_path: Path) -> None:
    spec = scale.spec_of(15, tmp_path)
    scale.write_search(spec)
    trials = studies.trials(studies.read_study(spec.folder))
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 15
    assert {len(records.epochs(trial)) for trial in trials} == {scale.EPOCHS}
    seconds = scale.running(open_study(spec), replace(spec, trials=30))
    assert set(seconds) < set(scale.COLUMNS) and min(seconds.values()) > 0
    trials = studies.trials(studies.read_study(spec.folder))
    assert [len(records.epochs(trial)) for trial in trials[15:]] == [4] * scale.QUESTIONS


@pytest.mark.soak
def test_the_table_has_a_row_for_each_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert scale.main(["--trials", "20", "30"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines() if line[:2] in ("20", "30")] == [
        "20",
        "30",
    ]


def test_too_few_trials_are_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        scale.main(["--trials", "3"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: --trials must be at least 10; got 3\n"
