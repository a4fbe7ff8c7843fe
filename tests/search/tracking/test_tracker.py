"""MLflow has everything of a study, once."""

import re
import time
from pathlib import Path

import pandas

from analysis.read.files import read_json
from analysis.read.summary import Summary
from search.study import records
from search.tracking.logged_run import LoggedRun
from search.tracking.recorder import NOTE_TAG
from search.tracking.result_tags import ERRS_MOST, NEXT, last_search_note, result_tags
from search.tracking.store import EXPERIMENT, open_client
from search.tracking.tracker import Tracker
from search.worker_reports import (
    CPU_PERCENT,
    GPU_MEMORY_MB,
    GPU_PERCENT,
    MEMORY_MB,
)
from tests.analysis.searches import read_summary
from tests.search.tracking.logged_study import Search, check, everything
from tests.search.tracking.lossy import Lossy
from tests.specs import spec_in


def test_everything_is_there_once_and_once_more_changes_nothing(
    search: Search, sqlite: str
) -> None:
    tracker = search.tracker(sqlite)
    for last in (1, 2, 3):
        search.epochs(0, 1, first=last, last=last)
        tracker.sync(search.study, within=60.0)
        assert tracker.runs_missing(search.study) == 2
    search.end(0, 1)
    tracker.sync(search.study, within=60.0)
    assert tracker.runs_missing(search.study) == 0
    search.epochs(2)
    assert tracker.runs_missing(search.study) == 1
    search.end(2)
    search.win(2)
    assert search.finish(tracker) is None
    client = open_client(sqlite)
    before = check(client, search.study)
    again = Lossy(client)
    other = Tracker(again, search.spec, search.tags)
    assert search.finish(other) is None
    assert everything(client) == before
    assert again.written == []
    choice = [one for one in before.values() if one["tags"]["regimen.kind"] == "choice"]
    assert len(choice) == 2 and all(
        "test_accuracy" in {name for name, *_ in one["history"]} for one in choice
    )


def names_of(client: object) -> dict[str, tuple[str, str | None]]:
    """The name of each run below a search, and whether it won."""
    return {
        one["tags"]["regimen.key"]: (one["info"]["run_name"], one["tags"].get("regimen.winner"))
        for one in everything(client).values()
        if "regimen.key" in one["tags"]
    }


def with_the_answer(client: object) -> list[str]:
    """The runs below a search that have what it found as tags."""
    tags = [one["tags"] for one in everything(client).values()]
    return [own["regimen.key"] for own in tags if own.get(NEXT) and "regimen.key" in own]


def test_the_winner_is_named_and_the_search_has_the_score_that_chose_it(
    search: Search, sqlite: str
) -> None:
    """A resumed search may have another winner."""
    search.all()
    assert search.finish(search.tracker(sqlite)) is None
    client = open_client(sqlite)
    named = names_of(client)
    assert named["trial 2"][0] == "llrd 002 · winner, 30.2 confirmed"
    assert named["trial 2"][1] == "yes"
    assert [key for key, (_, won) in named.items() if won] == ["trial 2"]
    assert with_the_answer(client) == ["trial 2"]
    (parent,) = (
        one
        for one in check(client, search.study).values()
        if one["tags"].get("regimen.kind") == "search"
    )
    metrics = {name: value for name, _, value, _ in parent["history"]}
    summary = search.spec.folder / "summary.json"
    assert metrics["selection_score"] == Summary.from_dict(read_json(summary)).selection_score
    assert "test_accuracy" in metrics
    assert not {"test_loss_paper", "paper_config_validation_accuracy"} & {*metrics}
    search.study.set_user_attr(records.WINNER.name, 1)
    assert search.finish(search.tracker(sqlite)) is None
    named = names_of(client)
    assert named["trial 1"][1] == "yes" and named["trial 2"][1] == "no"
    assert "winner" not in named["trial 2"][0]
    assert with_the_answer(client) == ["trial 1"]


def test_what_a_search_found_and_the_next_command_are_tags(tmp_path: Path) -> None:
    """Those of a search without fresh seeds confirm it."""
    floor = {"regime": "tfidf", "chosen": "", "seconds": 1.0, "validation_loss": None}
    scores = {"test_accuracy": None, "test_loss": None, "test_loss_paper": None}
    floors = [{**floor, **scores, "validation_accuracy": 0.85}]
    spec = spec_in(tmp_path, name="mine")
    found = result_tags(spec, read_summary(floors=floors))
    assert re.fullmatch(r"\d\d\.\d ± \d\.\d on validation", found["regimen.confirmed"])
    over = found["regimen.over_floor"]
    assert re.fullmatch(r"\+\d\.\d ± \d\.\d over tfidf, on new validation sentences", over)
    assert "search.export mine" in found["regimen.next"] and "regimen.errs_most" not in found
    alone = read_summary(confirmed_accuracy=[], confirmed_seeds=[], test=[])
    assert [*result_tags(spec, alone)] == ["regimen.next"]
    assert "search.run --resume mine" in result_tags(spec, alone)["regimen.next"]


def test_the_list_of_runs_says_what_to_run_next(search: Search, sqlite: str) -> None:
    """The experiment's description, which stands above it; one that a user wrote stays."""

    def description() -> str:
        tags: dict[str, str] = client.get_experiment_by_name(EXPERIMENT).tags
        return tags[NOTE_TAG]

    search.all()
    assert search.finish(search.tracker(sqlite)) is None
    client = open_client(sqlite)
    command = f"search.export {search.spec.name}"
    assert command in description() and description().startswith("Next after the last search: ")
    recorder = search.tracker(sqlite).runs.recorder
    recorder.locate(search.spec.results)
    ended = time.time()
    for note in ("that of another search", "that of a third"):
        recorder.describe(note, ended)
        assert description() == note
    recorder.describe("that of an earlier one, logged again", ended - 1)
    assert description() == note
    client.set_experiment_tag(recorder.experiment, NOTE_TAG, f"{description()}, and mine")
    assert search.finish(search.tracker(sqlite)) is None
    assert description() == "that of a third, and mine"


def test_the_description_has_the_most_confused_labels_without_markup() -> None:
    result = {NEXT: "go on", ERRS_MOST: "'a*b' taken for 'c, d', 3 of its 5 validation sentences"}
    assert last_search_note(result) == (
        "Next after the last search: `go on`. Its winner errs most: 'a\\*b' taken for 'c, d'"
    )
    assert last_search_note({NEXT: "go on"}) == "Next after the last search: `go on`"


def test_what_an_epoch_took_is_a_system_metric_at_its_step_where_it_is_known(
    search: Search, sqlite: str
) -> None:
    search.all()
    assert search.finish(search.tracker(sqlite)) is None
    histories = {
        one["tags"].get("regimen.key"): one["history"]
        for one in check(open_client(sqlite), search.study).values()
    }
    has = {
        key: [point[:3] for point in history if point[0].startswith("system/")]
        for key, history in histories.items()
    }
    assert has["trial 0"] == []
    assert (
        has["trial 1"]
        == has["trial 2 seed 1"]
        == [(name, step, 100.0 + step) for name in (CPU_PERCENT, MEMORY_MB) for step in (1, 2, 3)]
    )
    assert {name for name, *_ in has["trial 2"]} == {
        CPU_PERCENT,
        MEMORY_MB,
        GPU_PERCENT,
        GPU_MEMORY_MB,
    } and len(has["trial 2"]) == 4 * 3
    rows = pandas.read_csv(search.spec.folder / "epochs.csv").set_index(
        ["trial", "kind", "seed", "epoch"]
    )
    assert (
        list(rows[CPU_PERCENT].loc[:, "search", :, 3].fillna(-1)) == [-1, 103, 203]
        and rows[MEMORY_MB].loc[2, "choice", 2, 3] == 203
    )
    assert (
        rows[GPU_PERCENT].count() == rows[GPU_MEMORY_MB].count() == 3 + 3
    )  # of trial 2, and of its seed 2


def test_of_two_runs_with_one_key_the_one_that_a_user_wrote_on_stays(
    search: Search, sqlite: str
) -> None:
    """The other one, which a request that was received twice has made, goes; MLflow has what it
    needs once."""
    search.all()
    tracker = search.tracker(sqlite)
    tracker.sync(search.study, within=60.0)
    twice = {"regimen.trial": "0", "regimen.key": "trial 0"}
    assert tracker.runs.search is not None
    made = [
        LoggedRun.start(
            tracker.recorder,
            "late",
            "trial",
            tracker.runs.nested["trial 0"].started,
            twice,
            tracker.runs.search.id,
        ).id
        for _ in range(2)
    ]
    client = open_client(sqlite)
    client.set_tag(made[0], "mlflow.note.content", "keep this one")
    assert search.finish(tracker) is None
    assert client.get_run(made[0]).info.lifecycle_stage == "active"
    assert client.get_run(made[1]).info.lifecycle_stage == "deleted"
    client.delete_run(made[0])
    check(client, search.study)
