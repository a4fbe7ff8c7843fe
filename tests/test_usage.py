"""What a run takes of its machine: measured in percent and megabytes, and only what the machine can tell."""

import time

import psutil
import pytest
import torch

from search.usage import CPU, GPU, GPU_MEMORY, MEMORY, Meter


def test_a_busy_process_is_told_from_an_idle_one() -> None:
    meter = Meter("cpu")
    until = time.process_time() + 0.1
    while time.process_time() < until:
        pass
    busy = meter.read()
    time.sleep(0.1)
    idle = meter.read()
    assert busy.keys() == idle.keys() == {CPU, MEMORY}  # no card, no figures of one
    assert 0 <= idle[CPU] < busy[CPU] <= 110  # one thread, on a machine that others use too


def test_memory_is_that_of_the_process_in_megabytes() -> None:
    meter = Meter("cpu")
    before = meter.read()[MEMORY]
    taken = torch.ones(25_000_000)  # 100 MB
    assert meter.read()[MEMORY] - before == pytest.approx(4e-6 * len(taken), abs=10)
    assert before < psutil.virtual_memory().total / 1e6


@pytest.mark.parametrize("told", [True, False])
def test_of_a_card_there_is_the_epochs_peak_and_what_nvml_tells(told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A card by hearsay: each epoch's peak is 1 GB below the last, once that is forgotten."""
    peaks = [3_000_000_000]

    def utilization() -> int:
        if not told:
            raise ModuleNotFoundError("nvidia-ml-py does not seem to be installed")
        return 87

    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: peaks.append(peaks[-1] - 1_000_000_000))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: peaks[-1])
    monkeypatch.setattr(torch.cuda, "utilization", utilization)
    meter = Meter("cuda")
    found = [meter.read(), meter.read()]
    assert [one[GPU_MEMORY] for one in found] == [2000, 1000]
    assert [one.get(GPU) for one in found] == [87 if told else None] * 2
