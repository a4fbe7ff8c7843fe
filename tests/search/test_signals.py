"""How ^C and SIGTERM stop a search."""

import signal
import time
from typing import Any

import pytest

from search.signals import Stop


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_interrupts_at_once_except_while_trials_run(
    number: signal.Signals,
) -> None:
    stop = Stop()
    with stop.handles(), stop.waits():
        signal.raise_signal(number)
        assert stop.asked
    again = Stop()
    with again.handles(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    assert again.asked


def test_a_signal_during_a_destructor_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python prints and drops what a destructor raises."""
    unraisable: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", unraisable.append)
    began = time.monotonic()

    class Dying:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    stop = Stop()
    with stop.handles(), pytest.raises(KeyboardInterrupt):
        Dying()
        time.sleep(10)
    assert stop.asked and not unraisable and time.monotonic() - began < 5


def test_handlers_are_restored() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Stop().handles():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
