"""How ^C and SIGTERM stop a search."""

import signal
import subprocess
import sys

import pytest

from search.signals import SIGNALS, Stop
from tests.processes import ROOT


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_in_a_search_is_noted_and_raised_where_the_search_looks(
    number: signal.Signals,
) -> None:
    stop = Stop()
    stop.check()
    with stop.handles(), stop.delayed():
        signal.raise_signal(number)
        assert stop.asked
    with pytest.raises(KeyboardInterrupt):
        stop.check()


PROGRAM = """
import signal, sys
from search.signals import Stop
stop, (before, during) = Stop(), map(int, sys.argv[1:])

class Dying:  # Python prints and drops what a destructor raises.
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

with stop.handles():
    for _ in range(before):
        Dying()
    with stop.delayed():
        for _ in range(during):
            Dying()
        print("still there", flush=True)
"""


@pytest.mark.parametrize(
    ("before", "during", "code"), [(0, 0, 0), (0, 1, 0), (0, 2, 130), (1, 0, 130)]
)
def test_a_signal_before_a_search_and_a_second_one_in_it_end_the_process(
    before: int, during: int, code: int
) -> None:
    argv = [sys.executable, "-c", PROGRAM, str(before), str(during)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout == ("still there\n" if code == 0 else "")


def test_handlers_are_restored() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with Stop().handles():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert [signal.getsignal(number) for number in SIGNALS] == before
