"""When Ray's idle workers count as ready."""

import subprocess
import sys
import time

import psutil

from search.cluster.workers import POLL_SECONDS, wait_for_workers

BUSY_FIRST = """
import time
while time.process_time() < 1: pass
print("imported", flush=True)
time.sleep(60)
"""


def test_a_worker_is_ready_when_it_takes_no_more_cpu_time() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY_FIRST], stdout=subprocess.PIPE) as worker:
        times = psutil.Process(worker.pid).cpu_times

        def read() -> dict[int, float]:
            return {worker.pid: times().user + times().system}

        try:
            wait_for_workers(lambda: False, read)
            assert read()[worker.pid] >= 1
            began = time.monotonic()
            wait_for_workers(lambda: True, read)
            wait_for_workers(lambda: False, dict)  # without workers
            assert time.monotonic() - began < POLL_SECONDS
        finally:
            worker.kill()
