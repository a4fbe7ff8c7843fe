"""What a few steps consist of: kernels, their time on the card, and how often and long the program
waits for it.

A process that was profiled stays slower by some 10 %
(https://github.com/pytorch/pytorch/issues/144455): nothing is timed in it after that.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

STEPS = 5
LONGEST = 12
"""Kernels that are named one by one."""
WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")


@dataclass(frozen=True)
class Profile:
    """Means a step; times in milliseconds. On a CPU all are 0."""

    kernels: float
    """Kernels, copies and fills that the card ran."""
    kernel_ms: float
    """The sum of their times: a step can't be shorter than that unless some run side by side."""
    waits: float
    """How often the program waited for the card."""
    wait_ms: float
    """And how long: as the program waits it launches nothing, and the card runs dry after it."""
    longest: list[tuple[str, float, float]]
    """The kernels that take most: name, how many, and their time."""


@contextlib.contextmanager
def profiled(device: str) -> Iterator[Callable[[], Profile]]:
    """Profiles `STEPS` steps; what it yields gives the findings afterwards."""
    with profile(
        activities=[ProfilerActivity.CUDA if device == "cuda" else ProfilerActivity.CPU]
    ) as recorded:
        yield lambda: summary(recorded)


def summary(recorded: profile) -> Profile:
    """A finished profile of `STEPS` steps in a few numbers."""
    averages = recorded.key_averages()
    kernels = [
        event
        for event in averages
        if event.device_type == DeviceType.CUDA and not event.is_user_annotation
    ]
    kernels.sort(key=lambda event: event.self_device_time_total, reverse=True)
    waits = [event for event in averages if event.key in WAITS]
    return Profile(
        kernels=sum(event.count for event in kernels) / STEPS,
        kernel_ms=sum(event.self_device_time_total for event in kernels)
        / 1000
        / STEPS,  # microseconds
        waits=sum(event.count for event in waits) / STEPS,
        wait_ms=sum(event.self_cpu_time_total for event in waits) / 1000 / STEPS,
        longest=[
            (event.key[:100], event.count / STEPS, event.self_device_time_total / 1000 / STEPS)
            for event in kernels[:LONGEST]
        ],
    )
