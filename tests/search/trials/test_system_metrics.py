"""What a run takes of its machine: measured in percent and megabytes, and only what the machine can
tell."""

import time

import psutil
import pytest
import torch

from search.trials.system_metrics import Meter
from search.worker_reports import (
    CPU_PERCENT,
    ENDED_AT,
    GPU_MEMORY_MB,
    GPU_PERCENT,
    MEMORY_MB,
    STARTED_AT,
    epoch_ends,
    run_seconds,
)


def test_a_busy_process_is_told_from_an_idle_one() -> None:
    meter = Meter("cpu", time.time())
    until = time.process_time() + 0.1
    while time.process_time() < until:
        pass
    busy = meter.read()
    time.sleep(0.1)
    idle = meter.read()
    assert (
        busy.keys() == idle.keys() == {CPU_PERCENT, MEMORY_MB, STARTED_AT, ENDED_AT}
    )  # no card, no figures of one
    assert (
        0 <= idle[CPU_PERCENT] < busy[CPU_PERCENT] <= 110
    )  # one thread, on a machine that others use too


def test_memory_is_that_of_the_process_in_megabytes() -> None:
    meter = Meter("cpu", time.time())
    before = meter.read()[MEMORY_MB]
    taken = torch.ones(25_000_000)  # 100 MB
    assert meter.read()[MEMORY_MB] - before == pytest.approx(4e-6 * len(taken), abs=10)
    assert before < psutil.virtual_memory().total / 1e6


@pytest.mark.parametrize("with_nvml", [True, False])
def test_of_a_card_there_is_the_epochs_peak_and_what_nvml_tells(
    with_nvml: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card by hearsay: each epoch's peak is 1 GB below the last, once that is forgotten."""
    peaks = [3_000_000_000]

    def utilization() -> int:
        if not with_nvml:
            raise ModuleNotFoundError("nvidia-ml-py does not seem to be installed")
        return 87

    monkeypatch.setattr(
        torch.cuda, "reset_peak_memory_stats", lambda: peaks.append(peaks[-1] - 1_000_000_000)
    )
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: peaks[-1])
    monkeypatch.setattr(torch.cuda, "utilization", utilization)
    meter = Meter("cuda", time.time())
    readings = [meter.read(), meter.read()]
    assert [reading[GPU_MEMORY_MB] for reading in readings] == [2000, 1000]
    assert [reading.get(GPU_PERCENT) for reading in readings] == [87 if with_nvml else None] * 2


def test_a_runs_time_is_all_that_it_took_and_nothing_between_two_attempts() -> None:
    """Building takes 10 s and an epoch 2; interrupted after two epochs, the run goes on 1,000 s
    later, and repeats both."""
    first = [{"seconds": 2.0, STARTED_AT: 100.0, ENDED_AT: ended} for ended in (112.0, 114.0)]
    second = [{"seconds": 2.0, STARTED_AT: 1114.0, ENDED_AT: ended} for ended in (1130.0, 1132.0)]
    assert (
        run_seconds(first) == 14 and run_seconds(first + second) == 14 + 18 and run_seconds([]) == 0
    )
    assert epoch_ends(first + second, 0.0) == [112, 114, 1130, 1132]


def test_of_an_earlier_version_epochs_seconds_are_all_that_is_known() -> None:
    old = [{"seconds": 2.0}, {"seconds": 3.0}]
    assert run_seconds(old) == 5 and epoch_ends(old, 100.0) == [102, 105]
    back = {"seconds": 2.0, STARTED_AT: 1000.0, ENDED_AT: 400.0}  # the clock was set back
    assert run_seconds([back]) == 2
    assert run_seconds([*old, {"seconds": 2.0, STARTED_AT: 1000.0, ENDED_AT: 1020.0}]) == 25


def test_a_meter_tells_when_the_run_began_and_the_epoch_ended() -> None:
    before = time.time()
    meter = Meter("cpu", before - 5)
    readings = [meter.read(), meter.read()]
    assert {reading[STARTED_AT] for reading in readings} == {round(before - 5, 3)}
    assert before - 0.001 <= readings[0][ENDED_AT] <= readings[1][ENDED_AT] <= time.time() + 0.001
