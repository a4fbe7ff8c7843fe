"""How many requests `mlflow models serve` answers: one text in each, from 1 and from 16 clients.

The server runs on a free port of loopback with one worker process, MLflow's default. Each client
has a connection of its own and sends its next text when the last one is answered. A way's first
seconds, in which the server warms up, are not counted.
"""

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import mlflow

from analysis.command import OK, USER_ERROR, Parser, refusal
from search.final.mlflow_model import served
from tests.processes import free_port
from trainables.parts.data import corpus
from trainables.parts.model.text_classifier import load_folder

HOST = "127.0.0.1"
STARTUP_SECONDS = 600
WARM_UP_SECONDS = 1.0


@contextmanager
def serving(folder: Path, scratch: Path) -> Iterator[int]:
    """The port on which MLflow serves the model folder. Raises ValueError where it does not."""
    mlflow.pyfunc.save_model(scratch / "model", **served(folder, scratch))
    port = free_port()
    argv = f"mlflow models serve --env-manager local -h {HOST} -p {port} -m {scratch / 'model'}"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    log = scratch / "server.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", *argv.split()],
            env=os.environ | {"PATH": path},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + STARTUP_SECONDS
        while not _answers(port):
            if time.monotonic() > deadline or server.poll() is not None:
                raise ValueError(f"MLflow does not serve the model: {log.read_text()[-500:]}")
            time.sleep(0.5)
        yield port
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def client(port: int, texts: Sequence[str], seconds: float) -> list[float]:
    """One client: how long each request took, in seconds, after the warm-up."""
    connection, took = http.client.HTTPConnection(HOST, port, timeout=60), []
    began = time.perf_counter()
    for text in texts:
        start = time.perf_counter()
        if start > began + WARM_UP_SECONDS + seconds:
            break
        body = json.dumps({"dataframe_records": [{"text": text}]})
        connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise ValueError(f"the server answered {answer.status}: {content[:200]!r}")
        if start >= began + WARM_UP_SECONDS:
            took.append(time.perf_counter() - start)
    connection.close()
    return took


def measure(port: int, clients: int, texts: Sequence[str], seconds: float) -> list[float]:
    """What all clients measured, side by side for so many seconds."""
    with ThreadPoolExecutor(clients) as pool:
        each = pool.map(lambda _: client(port, texts, seconds), range(clients))
        return [took for one in each for took in one]


def row(clients: int, took: Sequence[float], seconds: float) -> str:
    """A line of the table."""
    times = sorted(1000 * each for each in took)
    if not times:
        return f"{clients:7} clients: no request was answered in {seconds:g} s"
    late = times[min(len(times) - 1, int(0.95 * len(times)))]
    return (
        f"{clients:7} clients {len(times) / seconds:9.1f} requests/s,"
        f" median {median(times):.1f} ms, 95th percentile {late:.1f} ms (n={len(times):,})"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns the exit code."""
    parser = Parser(prog="python -m tests.benchmarks.serve", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, help="A model folder of search.train")
    parser.add_argument(
        "--clients",
        type=int,
        nargs="+",
        default=[1, 16],
        metavar="N",
        help="Numbers of clients (default: 1 16)",
    )
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="Seconds counted for each (default: 5)"
    )
    args = parser.parse_args(argv)
    try:
        if min(*args.clients, 1) < 1 or args.seconds <= 0:
            raise ValueError("--clients and --seconds must be above 0")
        load_folder(args.folder)  # one clear line where there is no model
        texts = 100 * corpus.read("embedded").train.texts
        with tempfile.TemporaryDirectory() as scratch, serving(args.folder, Path(scratch)) as port:
            for count in args.clients:
                took = measure(port, count, texts, args.seconds)
                print(row(count, took, args.seconds), flush=True)
    except ValueError as error:
        print(refusal(error), file=sys.stderr)
        return USER_ERROR
    return OK


if __name__ == "__main__":
    raise SystemExit(main())
