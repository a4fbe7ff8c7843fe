"""A search on somebody else's cluster: real nodes, which do not have our code, come and go."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from search.study import records
from search.terminal.console import HEADING_WIDTH
from tests.processes import ROOT, Inputs, run
from tests.ray_nodes import RayNodes, ray_nodes
from tests.ray_search import Search, states, trains_on

TOKEN = "a" * 64
HOLD = """
import sys, ray
ray.init(address=sys.argv[1], log_to_driver=False)
@ray.remote(num_cpus=1)
class Held:
    def there(self): return True
held = [Held.remote() for _ in range(int(sys.argv[2]))]
ray.get([one.there.remote() for one in held])
print("held", flush=True)
sys.stdin.read()
"""
"""Another job, which holds so many cores."""


DEATHS = """
import json, os, sys, time
from search.cluster.start import cluster
from search.trials.faults import fault_of_run, fault_of_trial, living_nodes
with cluster(sys.argv[1]):
    import ray
    @ray.remote
    class Trial:
        def pid(self): return os.getpid()
        def work(self): time.sleep(300)
    @ray.remote(max_retries=0)
    def run(made):
        if made: return bytes(10**6)
        time.sleep(300)
    there = {"num_cpus": 1, "resources": {"doomed": 1}}
    trials = [Trial.options(**there).remote() for _ in range(2)]
    pids = ray.get([trial.pid.remote() for trial in trials])
    model = run.options(**there).remote(True)
    ray.wait([model], fetch_local=False)
    working, long = [trial.work.remote() for trial in trials], run.options(**there).remote(False)
    nodes, found = living_nodes(), {}

    def failure(name, reference):
        try:
            ray.get(reference)
        except ray.exceptions.RayError as error:
            found[name] = [fault_of_trial(error).name, fault_of_run(error, nodes, print).name]

    time.sleep(1)
    os.kill(pids[0], 9)
    failure("process", working[0])
    os.killpg(int(sys.argv[2]), 9)
    failure("trial", working[1]), failure("run", long), failure("model", model)
    print(json.dumps(found), flush=True)
    os._exit(0)
"""
"""A driver that sees a process die, and then the node of a trial, a run and a model."""
NO_CODE = r"error: node [\d.]+ \(.+\): ModuleNotFoundError: .* 'search'\n"


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short path, which Ray's sockets need."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="n") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def guarded() -> Iterator[RayNodes]:
    """A cluster that wants a token."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="n") as folder:
        secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
        with ray_nodes(Path(folder), 1, **secret) as nodes:
            yield nodes


@contextlib.contextmanager
def other_job(nodes: RayNodes, cores: int) -> Iterator["subprocess.Popen[str]"]:
    """Another job on the cluster, which holds so many cores."""
    argv = [sys.executable, "-c", HOLD, nodes.address, str(cores)]
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(argv, cwd=nodes.folder, env=environment, **pipes) as job:
        try:
            assert job.stdout and job.stdout.readline() == "held\n"
            yield job
        finally:
            job.kill()


def working_directory(folder: Path) -> str:
    """The environment variable of a Ray job that brings a working directory without our code."""
    folder.mkdir()
    (folder / "notes").write_text("no code")
    return json.dumps({"runtime_env": {"working_dir": str(folder)}})


@pytest.mark.soak
def test_trials_follow_nodes_that_come_and_go(short: Path, inputs: Inputs) -> None:
    """The code travels; a node that joins is used; one that is killed takes no trial along."""
    flags = ["--trials", "4", "--epochs", "300", "--scheduler", "none"]
    with ray_nodes(short, 1, 1) as nodes, Search(inputs, nodes, "follow", *flags) as search:
        search.wait(lambda: trains_on(nodes.nodes[1]))
        nodes.kill(nodes.nodes[1])
        search.wait(lambda: any(map(records.NODES_LOST.recorded, search.trials())))
        joined = nodes.join(1)
        search.wait(lambda: trains_on(joined))
        search.process.send_signal(signal.SIGTERM)
        code, out, err = search.end()
    assert code == 130 and err == "", (out, err)
    assert not set(states(search)) & {TrialState.FAIL, TrialState.RUNNING}
    assert not any(map(records.WORKER_DIED.recorded, search.trials()))


@pytest.mark.soak
def test_a_search_starts_on_a_cluster_without_nodes(short: Path, inputs: Inputs) -> None:
    """Its trials wait, and Ray's autoscaler starts the nodes for them."""
    flags = ["--trials", "3", "--epochs", "2", "--max-concurrent", "2", "--precision", "fp32"]
    with ray_nodes(short) as nodes:
        nodes.autoscaling_head(2)
        with Search(inputs, nodes, "scaled", *flags) as search:
            code, out, err = search.end()
    assert code == 0 and err == "" and "3 complete" in out, (out, err)
    summary = json.loads((search.folder / "summary.json").read_text())
    assert summary["machine"] in ("1 node, 1 CPU core", "2 nodes, 2 CPU cores")


@pytest.mark.soak
def test_a_dead_node_is_told_from_a_dead_process(short: Path) -> None:
    with ray_nodes(short, 1) as nodes:
        doomed = nodes.join(4, '--resources={"doomed": 4}')
        argv = [sys.executable, "-c", DEATHS, nodes.address, str(doomed.pid)]
        done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr
    faults = json.loads(done.stdout.splitlines()[-1])
    assert faults["process"][0] == "PROCESS" and faults["trial"][0] == "NODE"
    assert faults["run"][1] == "NODE" and faults["model"][1] == "NODE"


@pytest.mark.soak
def test_a_node_without_the_code_is_named_before_the_search_begins(
    short: Path, inputs: Inputs
) -> None:
    """A job with a working directory of its own brings its code, and here it does not."""
    job = working_directory(short / "job")
    with (
        ray_nodes(short, 1) as nodes,
        Search(inputs, nodes, "bare", RAY_JOB_CONFIG_JSON_ENV_VAR=job) as search,
    ):
        code, _, err = search.end()
    assert code == 2 and re.fullmatch(NO_CODE, err), err
    assert not search.folder.exists()


@pytest.mark.soak
def test_the_end_is_soon_and_says_how_to_continue(short: Path, inputs: Inputs) -> None:
    """After SIGTERM trials without a worker do not wait for one; a lost head ends the search."""
    flags = ["--trials", "3", "--epochs", "300", "--scheduler", "none", "--stop-within", "60s"]
    with ray_nodes(short, 1) as nodes, other_job(nodes, 1) as other:
        with Search(inputs, nodes, "ends", *flags) as search:
            search.wait(lambda: states(search).count(TrialState.RUNNING) == 1)
            search.process.send_signal(signal.SIGTERM)
            code, out, err = search.end()
        again = f"search.run --resume ends --results {inputs.results} --address {nodes.address}"
        assert code == 130 and f"stopped. Continue with: python -m {again}\n" in out, (out, err)
        assert TrialState.RUNNING not in states(search) and err == ""
        other.kill()
        with Search(inputs, nodes, "ends", *flags, resume=True) as search:
            search.wait(lambda: trains_on(nodes.nodes[0]))
            nodes.kill(nodes.nodes[0])
            code, _, err = search.end()
        assert code == 1 and err.startswith("error: "), err
        assert f"continue with: python -m {again}\n" in err and err.count("\n") == 1, err


@pytest.mark.soak
@pytest.mark.parametrize(
    ("token", "said"),
    [
        (None, "requires a token, but none is set; set RAY_AUTH_TOKEN"),
        ("b" * 64, "refuses the token from RAY_AUTH_TOKEN"),
    ],
)
def test_a_cluster_that_wants_a_token_says_so_in_one_line(
    token: str | None, said: str, guarded: RayNodes, inputs: Inputs, tmp_path: Path
) -> None:
    given: dict[str, Any] = {}
    if token is not None:
        given = {"RAY_AUTH_TOKEN": token, "RAY_AUTH_MODE": "token"}
    argv = ["search.run", "--regime", "untuned", "--address", guarded.address, *inputs.sources]
    done = run(*argv, HOME=str(tmp_path), **given)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, done


@pytest.mark.slow
def test_the_token_in_the_home_folder_is_used_where_it_is_wanted(
    guarded: RayNodes, inputs: Inputs, tmp_path: Path
) -> None:
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text(TOKEN)
    flags = ["--trials", "1", "--epochs", "1"]
    with Search(inputs, guarded, "guarded", *flags, HOME=str(tmp_path)) as search:
        code, out, err = search.end()
    assert code == 0 and "1 complete" in out, (out, err)


@pytest.mark.soak
def test_the_winner_is_trained_on_the_cluster_by_the_printed_command(
    short: Path, inputs: Inputs
) -> None:
    """By the commands that its search prints. Without the cluster nothing is trained."""
    flags = ["--trials", "1", "--epochs", "2"]
    with ray_nodes(short, 1) as nodes:
        with Search(inputs, nodes, "final", *flags) as search:
            code, out, err = search.end()
        assert code == 0, (out, err)
        lines = out.partition("next:\n")[2].splitlines()
        *_, export, train = (line[2 + HEADING_WIDTH :].split() for line in lines)
        assert train[-2:] == ["--address", nodes.address]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        bare = {"RAY_JOB_CONFIG_JSON_ENV_VAR": working_directory(short / "job")}
        for command, more, code in ((export, {}, 0), (train, bare, 2), (train, {}, 0)):
            argv, here = [sys.executable, *command[1:]], env | more
            done = subprocess.run(argv, capture_output=True, text=True, cwd=short, env=here)
            assert done.returncode == code, done.stderr
            assert code == 0 or re.fullmatch(NO_CODE, done.stderr), done.stderr
    record = json.loads((short / "model" / "scores.json").read_text())
    seeds = int(train[train.index("--seeds") + 1])  # one, where a floor won
    assert len(record["curves"]) == seeds and any((short / "model").glob("*.safetensors"))
    argv = [*argv, "--out", "other"]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=short, env=env)
    assert done.returncode == 2 and nodes.address in done.stderr, done
    assert not (short / "other").exists()
