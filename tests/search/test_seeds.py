"""Seeds of search, choice and report are disjoint in the journal, tables, export and MLflow."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.export import main as export
from search.outputs import tables as results
from search.outputs.recipe import trial_scores
from search.seeds import MAX_CHOICE_SEEDS, MAX_REPORT_SEEDS, choice_seeds, report_seeds
from search.spec import SearchSpec
from search.study import records
from search.study import study as studies
from search.sync import main as sync_command
from search.sync import sync
from search.tracking.identity import settings
from search.tracking.store import open_client
from tests import tiny
from tests.attributes import attributes
from tests.processes import Searched, run
from tests.search.reported import CORPUS, epoch
from tests.search.tracking.logged_study import Search, everything
from tests.specs import spec

OLD = {"1": {"1": 0.91, "2": 0.93}, "0": {"1": 0.5, "2": 0.5}}
NEW = {"1": {"1000": 0.80, "1001": 0.82}}


@given(
    st.integers(0, 2**31 - 1), st.integers(1, MAX_CHOICE_SEEDS), st.integers(1, MAX_REPORT_SEEDS)
)
def test_search_choice_and_report_seeds_are_disjoint(seed: int, choice: int, report: int) -> None:
    uses = [{seed}, set(choice_seeds(seed, choice)), set(report_seeds(seed, report))]
    assert [len(use) for use in uses] == [1, choice, report] and len(
        set.union(*uses)
    ) == 1 + choice + report
    assert all(0 <= number < 2**32 for use in uses for number in use)  # what numpy takes


@given(
    st.integers(0, 2**31 - 1), st.integers(1, MAX_CHOICE_SEEDS), st.integers(1, MAX_CHOICE_SEEDS)
)
def test_a_larger_number_of_seeds_extends_a_smaller_one(seed: int, few: int, many: int) -> None:
    few, many = sorted((few, many))
    for use in (choice_seeds, report_seeds):
        assert list(use(seed, many))[:few] == list(use(seed, few))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"confirm_seeds": 1000}, "confirm_seeds must be at most 999; got 1000"),
        ({"report_seeds": 0}, "report_seeds must be auto or from 1 to 1000; got 0"),
    ],
)
def test_too_many_or_too_few_seeds_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        spec(**values)


def test_a_spec_of_an_earlier_version_has_the_default() -> None:
    values = spec().to_json().replace('  "report_seeds": null,\n', "")
    assert "report_seeds" not in values and SearchSpec.from_json(values).report_seeds is None


# What a journal reports


def journal(folder: Path, *, reported: dict[str, dict[str, float]] | None) -> Search:
    """Three trials, of which trial 1 was chosen by the runs in `OLD`; without `reported`, a journal
    of an earlier version."""
    search = Search(folder)
    search.epochs(0, 1, 2)
    search.end(0, 1, 2)
    runs = {
        trial: {seed: [epoch(1, score)] for seed, score in seeds.items()}
        for trial, seeds in OLD.items()
    }
    search.study.set_user_attr(records.CHOICE_RUNS.name, runs)
    search.study.set_user_attr(records.WINNER.name, 1)
    search.study.set_user_attr(
        records.CONDITIONS.name,
        {"data": "f", "model": "m", "precision": "fp32", "threads": 1, "device": "cpu"},
    )
    tested = OLD if reported is None else reported
    scores = {
        seed: {"test_accuracy": score - 0.01, "test_loss": 1.0, "test_loss_paper": 1.1}
        for seed, score in tested.get("1", {}).items()
    }
    search.study.set_user_attr(records.TEST_SCORES.name, {"1": scores})
    for seed in tested.get("1", {}):
        search.study.set_user_attr(
            records.predictions(1, int(seed)).name,
            {"predicted": [0, 0, 1], "confidence": [0.9, 0.8, 0.7]},
        )
    if reported is not None:
        runs = {
            trial: {seed: [epoch(1, score)] for seed, score in seeds.items()}
            for trial, seeds in reported.items()
        }
        search.study.set_user_attr(records.REPORT_RUNS.name, runs)
    return search


def test_only_runs_that_took_no_part_in_the_choice_are_reported(tmp_path: Path) -> None:
    search = journal(tmp_path / "results", reported=NEW)
    summary = results.summarise(search.study, search.spec)
    assert (
        summary.confirmed_accuracy,
        summary.confirmed_seeds,
        summary.confirmed_runs_chose,
    ) == (
        (0.80, 0.82),
        (1000, 1001),
        False,
    )
    assert [(run.seed, run.test_accuracy) for run in summary.test] == [
        (1000, pytest.approx(0.79)),
        (1001, pytest.approx(0.81)),
    ]
    own = search.study.get_trials()[1].value or 0.0
    assert summary.choice_accuracy == pytest.approx((own + 0.91 + 0.93) / 3)
    assert {row["seed"] for row in results.prediction_rows(search.study, CORPUS)} == {1000, 1001}
    rows = pandas.DataFrame(results.epoch_rows(search.study, search.spec))
    kinds = rows[rows["trial"] == 1].groupby("kind")["seed"].unique().map(set).to_dict()
    assert kinds == {"search": {0}, "choice": {1, 2}, "report": {1000, 1001}}
    scores = trial_scores(search.study, search.study.get_trials()[1], "accuracy")
    assert scores["choice_accuracy"] == {1: 0.91, 2: 0.93} and scores["confirmed_accuracy"] == {
        1000: 0.8,
        1001: 0.82,
    }
    assert set(scores["test"]) == {1000, 1001}
    assert set(trial_scores(search.study, search.study.get_trials()[0], "accuracy")) == {
        "best_validation_accuracy",
        "choice_accuracy",
    }


def test_a_search_without_report_runs_reports_nothing(tmp_path: Path) -> None:
    search = journal(tmp_path / "results", reported={})
    summary = results.summarise(search.study, search.spec)
    assert (
        summary.confirmed_accuracy == summary.test == ()
        and not summary.confirmed_runs_chose
        and summary.winner_trial == 1
    )


def test_an_earlier_versions_journal_reports_the_runs_that_chose_the_winner(
    tmp_path: Path,
) -> None:
    search = journal(tmp_path / "results", reported=None)
    summary = results.summarise(search.study, search.spec)
    assert (
        summary.confirmed_accuracy,
        summary.confirmed_seeds,
        summary.confirmed_runs_chose,
    ) == (
        (0.91, 0.93),
        (1, 2),
        True,
    )
    assert len(summary.test) == 2 and {
        row["seed"] for row in results.prediction_rows(search.study, CORPUS)
    } == {1, 2}
    scores = trial_scores(search.study, search.study.get_trials()[1], "accuracy")
    assert "confirmed_accuracy" not in scores and set(scores["test"]) == set(
        scores["choice_accuracy"]
    ) == {1, 2}


@pytest.mark.slow
def test_mlflow_separates_choice_and_report_runs(tmp_path: Path) -> None:
    search = journal(tmp_path / "results", reported=NEW)
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    search.finish(search.tracker(store))
    runs = {
        run["tags"]["regimen.key"]: run
        for run in everything(open_client(store)).values()
        if "regimen.key" in run["tags"]
    }
    kinds = {key: run["tags"]["regimen.kind"] for key, run in runs.items() if "seed" in key}
    choice = {f"trial {trial} seed {seed}": "choice" for trial in (0, 1) for seed in (1, 2)}
    assert kinds == choice | {f"trial 1 seed {seed}": "report" for seed in (1000, 1001)}
    tested = {
        key for key, run in runs.items() if "test_accuracy" in {name for name, *_ in run["history"]}
    }
    assert tested == {"trial 1 seed 1000", "trial 1 seed 1001"}
    assert runs["trial 1 seed 1000"]["info"]["run_name"].startswith("llrd 001 report seed 1000 ·")
    parent = next(
        run
        for run in everything(open_client(store)).values()
        if run["tags"]["regimen.kind"] == "search"
    )
    assert {name: value for name, _, value, _ in parent["history"]}[
        "confirmed_accuracy"
    ] == pytest.approx(0.81)


@pytest.mark.slow
def test_mlflow_parameters_are_fixed_fields_and_tags_the_changeable_ones(
    tmp_path: Path,
) -> None:
    """MLflow's parameters are immutable, so what `--resume` may change is a tag."""
    search = journal(tmp_path / "results", reported=NEW)
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    search.finish(search.tracker(store))
    grown = Search(tmp_path / "results", trials=6, report_seeds=5)
    sync(grown.spec.folder, store)
    (parent,) = [
        one
        for one in everything(open_client(store)).values()
        if one["tags"]["regimen.kind"] == "search"
    ]
    assert (parent["tags"]["regimen.trials"], parent["tags"]["regimen.report_seeds"]) == ("6", "5")
    assert not set(parent["params"]) & {
        name.removeprefix("regimen.") for name in settings(grown.spec)
    }
    assert parent["params"]["regime"] == "llrd" and parent["params"]["seed"] == "0"


def test_searches_are_compared_by_the_score_that_chose_their_winner(
    tmp_path: Path,
) -> None:
    """A maximum over reported scores would be biased upwards."""
    search = journal(tmp_path / "results", reported=NEW)
    summary = results.summarise(search.study, search.spec)
    lucky = replace(summary, confirmed_accuracy=(0.99,))
    assert lucky.selection_score == summary.selection_score == summary.choice_accuracy
    unchosen = replace(summary, choice_accuracy=None)
    assert unchosen.selection_score == summary.best_validation_accuracy


# From an earlier version's folder to a report

METRIC = re.compile(r',"(?:best_validation_macro_f1|metric)":(?:"accuracy"|[\d.e-]+)')
"""What a journal has of the metric."""


def made_old(folder: Path) -> optuna.Study:
    """Turn a search into one of an earlier version: it tested the runs that chose the winner, which
    was another trial, and knew no metric but the accuracy."""
    spec = json.loads((folder / "spec.json").read_text())
    assert spec.pop("metric") == "accuracy"
    (folder / "spec.json").write_text(json.dumps(spec))
    path = folder / studies.JOURNAL
    new = ("reported", "tested", "predicted:", "correct:")
    lines = [
        METRIC.sub("", line)
        for line in path.read_text().splitlines()
        if not any(f'_attr":{{"{key}' in line for key in new)
    ]
    path.write_text("\n".join(lines) + "\n")
    study = studies.read_study(folder)
    choice = attributes(study)[records.CHOICE_RUNS.name]
    (other,) = [
        number for number in map(int, choice) if number != study.user_attrs[records.WINNER.name]
    ]
    study.set_user_attr(records.WINNER.name, other)
    scores = {
        seed: {"test_accuracy": 0.5, "test_loss": 1.0, "test_loss_paper": 1.1}
        for seed in choice[str(other)]
    }
    study.set_user_attr(records.TEST_SCORES.name, {str(other): scores})
    return study


@pytest.mark.slow
def test_an_earlier_versions_folder_is_synced_and_resumed(
    searched: Searched, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(searched.folder, tmp_path / "tiny")
    first = attributes(studies.read_study(searched.folder))
    old = attributes(made_old(tmp_path / "tiny"))
    assert (
        records.REPORT_RUNS.name not in old
        and old[records.WINNER.name] != first[records.WINNER.name]
    )
    where = ["--results", str(tmp_path)]
    assert sync_command(["tiny", *where]) == 0
    capsys.readouterr()
    assert export(["tiny", *where]) == 0
    assert "confirmed_accuracy" not in capsys.readouterr().out
    done = run("search.run", "--resume", "tiny", "--report-seeds", "2", *where)
    assert done.returncode == 0, done.stderr
    assert "(n=2, df=" in done.stdout and "also used to choose" not in done.stdout
    now = attributes(studies.read_study(tmp_path / "tiny"))
    winner = str(first[records.WINNER.name])
    assert (
        now[records.CHOICE_RUNS.name] == old[records.CHOICE_RUNS.name]
        and str(now[records.WINNER.name]) == winner
    )
    assert {trial: set(seeds) for trial, seeds in now[records.REPORT_RUNS.name].items()} == {
        winner: {"1000", "1001"}
    }
    for seed, epochs in now[records.REPORT_RUNS.name][winner].items():
        assert tiny.curve(epochs) == tiny.curve(first[records.REPORT_RUNS.name][winner][seed])
        assert (
            now[records.TEST_SCORES.name][winner][seed]
            == first[records.TEST_SCORES.name][winner][seed]
        )
    summary = json.loads((tmp_path / "tiny" / "summary.json").read_text())
    assert (summary["metric"], summary["choice_macro_f1"]) == ("accuracy", None)
    assert len(summary["confirmed_macro_f1"]) == 2
    assert summary["confirmed_seeds"] == [run["seed"] for run in summary["test"]] == [1000, 1001]
    runs = [
        one["tags"]
        for one in everything(open_client(f"sqlite:///{tmp_path / 'mlflow.db'}")).values()
    ]
    kinds = [tags["regimen.kind"] for tags in runs if tags.get("regimen.search") == "tiny"]
    assert kinds.count("choice") == 4 and kinds.count("report") == 2
