"""Tune's searcher: one search after the other, as a thread of Tune's would ask it."""

import itertools
import threading
from pathlib import Path

import pytest
from ray.tune.search import Searcher

from search.cluster.capacity import Capacity
from search.cluster.resources import Resources
from search.trials.ray_adapters import Relay
from search.trials.searcher import StudySearcher
from search.worker_reports import RUN_FINISHED
from tests.search.trials.test_resumed_decisions import report, resumed, spec

SECONDS = 60.0
"""Much longer than anything here takes."""


def search(folder: Path) -> StudySearcher:
    made = spec(folder, trials=3, epochs=3, scheduler="none", sampler="random")
    return StudySearcher(resumed(made), Capacity(Resources(cpus=1, gpus=0, slots=2)))


def states(search: StudySearcher) -> list[str]:
    return [trial.state.name for trial in search.ledger.study.get_trials()]


def tune(relay: Relay) -> threading.Thread:
    """Runs what it is given, two at a time, until there is no more."""

    def loop() -> None:
        ids, live = map(str, itertools.count()), dict[str, int]()
        while (params := relay.suggest(ray_id := next(ids))) != Searcher.FINISHED:
            if isinstance(params, dict):
                live[ray_id] = params["trial"]
            if len(live) < 2 and params is not None:
                continue
            ray_id, number = live.popitem()
            owner = relay.owner(ray_id)
            assert owner is not None
            for epoch in range(1, 4):
                owner.report(ray_id, {**report(number, epoch), "done": False})
            owner.report(ray_id, {RUN_FINISHED: None})
            relay.on_trial_complete(ray_id)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("single", [False, True])
def test_searches_follow_each_other_until_it_is_closed(single: bool, tmp_path: Path) -> None:
    relay = Relay(single=single)
    thread = tune(relay)
    first, second = search(tmp_path / "first"), search(tmp_path / "second")
    relay.begin(first)
    assert relay.wait(first, SECONDS) and states(first) == ["COMPLETE"] * 3
    thread.join(SECONDS if single else 0.2)
    assert thread.is_alive() != single  # It waits for the next one, or does not.
    if not single:
        relay.begin(second)
        assert relay.wait(second, SECONDS) and states(second) == ["COMPLETE"] * 3
        relay.close()
        thread.join(SECONDS)
        assert not thread.is_alive()


def test_a_search_has_ended_when_tune_is_done_with_its_trials(tmp_path: Path) -> None:
    """Also with those that the search itself does not wait for any more."""
    relay, under_way = Relay(single=True), search(tmp_path)
    relay.begin(under_way)
    assert isinstance(relay.suggest("a"), dict)
    under_way.ledger.stop_asked = lambda: True
    under_way.ledger.ended("a")  # It was given up, and its worker is about to die.
    assert relay.suggest("b") is None and not relay.wait(under_way, 0.0)
    relay.on_trial_complete("a", error=True)
    assert relay.suggest("c") == Searcher.FINISHED and relay.wait(under_way, 0.0)
    assert "RUNNING" not in states(under_way)


def test_nothing_is_recorded_after_the_close(tmp_path: Path) -> None:
    relay, under_way = Relay(single=False), search(tmp_path)
    relay.begin(under_way)
    assert isinstance(relay.suggest("a"), dict)
    relay.close()
    assert relay.owner("a") is None and relay.suggest("b") == Searcher.FINISHED
    relay.on_trial_complete("a", error=True)
    assert states(under_way).count("RUNNING") == 1
