"""Ends this process when somebody else's cluster is gone: its head, or the node it runs on.

Ray itself would wait a minute in silence, and then end the process with a message of its own.
"""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping

import ray

from analysis.command import FAILED
from search.cluster.address import require_listening
from search.cluster.watchdog import exit_now, hint
from trainables.parts.quote import quoted

CHECK_SECONDS = 2.0
"""Between two checks."""
GONE_SECONDS = 8.0
"""A machine that accepts no connection for so long is gone."""


@contextlib.contextmanager
def watch_connection() -> Iterator[None]:
    """Check head and raylet until the end of the block."""
    stopped = threading.Event()
    thread = threading.Thread(target=_watch, args=(_addresses(), stopped), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()


def _addresses() -> dict[str, str]:
    """Where the head and this machine's raylet listen, by what they are."""
    context = ray.get_runtime_context()
    addresses = {"the head of the Ray cluster": context.gcs_address}
    for node in ray.nodes():
        if node["NodeID"] == context.get_node_id():
            address = f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}"
            addresses["this machine's node of the Ray cluster"] = address
    return addresses


def _watch(addresses: Mapping[str, str], stopped: threading.Event) -> None:
    """The loop. An address counts as gone when all checks have failed for some seconds."""
    heard = dict.fromkeys(addresses, time.monotonic())
    while not stopped.wait(CHECK_SECONDS):
        for name, address in addresses.items():
            try:
                require_listening(address)
                heard[name] = time.monotonic()
            except OSError:
                if time.monotonic() - heard[name] > GONE_SECONDS and not stopped.is_set():
                    message = f"error: {name} no longer answers at {quoted(address)}"
                    exit_now(FAILED, f"{message}; {hint()}\n")
