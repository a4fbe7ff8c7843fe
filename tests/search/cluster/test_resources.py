"""How many trials run side by side: counted as Ray places them, node by node and card by card."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

import trainables
from search.cluster.resources import TYPE, Machine, Node, resources
from tests.processes import ROOT, Inputs, run

UNEQUAL = ((2, 0), (2, 1), (1, 1))
"""Cores and GPUs of three nodes."""


def machine(*nodes: tuple[float, float]) -> Machine:
    return Machine(tuple(Node(*node) for node in nodes))


def by_hand(node: tuple[float, float], cpus: float, gpus: float) -> int:
    """The slow definition: trials are put on the node, each on the first card with room, in
    thousandths, until one finds none."""
    cores, cards = round(1000 * node[0]), [1000] * int(node[1])
    for placed in range(10_000):
        free = next((card for card, room in enumerate(cards) if room >= round(1000 * gpus)), None)
        if cores < round(1000 * cpus) or (gpus and free is None):
            return placed
        cores -= round(1000 * cpus)
        if free is not None:
            cards[free] -= round(1000 * gpus)
    raise AssertionError("no end")


@pytest.mark.parametrize(
    "nodes",
    [((8, 2),), ((2, 2),), UNEQUAL, ((2, 0), (2, 0), (1, 0)), ((16, 8), (4, 0), (3, 1), (0, 1))],
)
def test_slots_match_a_placement_by_hand(nodes: tuple[tuple[float, float], ...]) -> None:
    for cpus, gpus in product((0.25, 0.5, 1, 1.5, 2, 3), (0, 0.1, 0.25, 0.3, 0.4, 0.5, 0.6, 1)):
        expected = sum(by_hand(node, cpus, gpus) for node in nodes)
        if expected and gpus <= sum(node[1] for node in nodes):
            assert resources(machine(*nodes), cpus, gpus, None).slots == expected, (cpus, gpus)
            assert resources(machine(*nodes), cpus, gpus, 2).slots == min(expected, 2)
        else:
            with pytest.raises(ValueError):
                resources(machine(*nodes), cpus, gpus, None)


@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus", "slots"),
    [
        (((8, 2),), 1, 0.4, 4),
        (UNEQUAL, 1, 0.5, 3),
        (((2, 0), (2, 0), (1, 0)), 2, 0, 2),
        (((8, 2),), 3, 0, 2),
        (((1, 0),), 0.1, 0, 10),
        (((8, 1),), 1, 1 / 7, 7),
    ],
)
def test_gpu_fractions_are_counted_per_card_and_node(
    nodes: tuple[tuple[float, float], ...], cpus: float, gpus: float, slots: int
) -> None:
    assert resources(machine(*nodes), cpus, gpus, None).slots == slots


@pytest.mark.parametrize(
    ("cpus", "gpus", "said"),
    [
        (3, 0, "cpus_per_trial must be at most 2, the cores of the largest node; got 3"),
        (
            4,
            0.5,
            "cpus_per_trial must be at most 2, the cores of the largest node with a GPU; got 4",
        ),
    ],
)
def test_a_trial_that_fits_on_no_node_is_refused(cpus: float, gpus: float, said: str) -> None:
    with pytest.raises(ValueError) as refused:
        resources(machine((2, 0), (2, 1)), cpus, gpus, None)
    assert str(refused.value) == said


def test_on_somebody_elses_cluster_room_is_promised_or_follows_the_nodes() -> None:
    empty = machine((0, 0))
    with pytest.raises(ValueError, match=r"at most 0, .*; --max-concurrent N submits N trials"):
        resources(empty, 1, 0, None, ours=False)
    promised = resources(empty, 1, 0, 7, ours=False)
    assert promised.slots == 7 and not promised.follows
    per_trial = resources(machine((2, 0)), 1, 0, None, ours=False)
    assert per_trial.slots == 2 and per_trial.follows


def test_a_gpu_is_refused_where_there_is_none() -> None:
    with pytest.raises(ValueError, match="gpus_per_trial must be 0 where there is no GPU"):
        resources(machine((8, 0)), 1, 0.5, None)


# A real cluster, whose GPUs are there for Ray alone


CLUSTER = """
import json, logging, os, sys, time
from rich.console import Console
from search.cluster import scratch
from search.final.training import resources_of
from search.trials import worker
from search.cluster.resources import Resources, connected, resources
with scratch.temporary_folder() as folder:
    os.environ["RAY_TMPDIR"] = str(folder)
    (folder / "ray").mkdir()
    import ray
    from ray.cluster_utils import Cluster
    with scratch.marked(folder):
        made = Cluster()
        for cpus, gpus in json.loads(sys.argv[1]):
            more = {"temp_dir": str(folder), "include_dashboard": False}
            more = more if made.head_node is None else {"resources": {sys.argv[2 + cpus % 2]: 1}}
            made.add_node(num_cpus=cpus, num_gpus=gpus, object_store_memory=100 * 2**20, **more)
    ray.init(address=made.address, log_to_driver=False, logging_level=logging.ERROR)

    def whose():
        time.sleep(0.2)
        return os.getpid(), [int(card) for card in ray.get_gpu_ids()]

    def where():
        return ray.get_runtime_context().get_node_id()

    def tell(**found):
        print(json.dumps(found), flush=True)

    @ray.remote
    class Trial:
        def there(self):
            return True

    counted = {}
    for cpus, gpus in ((1, 0.5), (2, 0), (1, 0.4)):
        trials = [Trial.options(num_cpus=cpus, num_gpus=gpus).remote() for _ in range(8)]
        first = resources(connected(), cpus, gpus, None).slots
        pending = [trial.there.remote() for trial in trials]
        ready, _ = ray.wait(pending, num_returns=first, timeout=240)
        more, _ = ray.wait(pending, num_returns=8, timeout=2)
        counted[f"{cpus} {gpus}"] = [first, len(ready), len(more)]
        for trial in trials:
            ray.kill(trial)
    half, whole = Resources(1, 0.5, 1), Resources(1, 0, 1)
    on_gpus = ray.get([worker.task(whose, half).remote() for _ in range(6)])
    on_cpus = [ray.get(worker.task(whose, whole).remote()) for _ in range(4)]
    old = worker.task(where, Resources(1, 0.5, 1, accelerator="T4"))
    final = resources_of({"device": "cuda", "threads": 1}, "T4", Console(quiet=True))
    seed_run = worker.task(where, final)
    on_t4 = ray.get([old.remote() for _ in range(4)] + [seed_run.remote() for _ in range(4)])
    nodes = {node["NodeID"]: list(node["Resources"]) for node in ray.nodes()}
    t4 = resources(connected("T4"), 1, 0.5, None, accelerator="T4").slots
    tell(
        address=made.address, slots=counted, on_gpus=on_gpus, on_cpus=on_cpus,
        on_t4=[nodes[node] for node in on_t4], t4=[t4, final.slots], whole=final.gpus,
    )
    sys.stdin.read()
    ray.shutdown()
    made.shutdown()
"""


@dataclass(frozen=True)
class Cluster:
    """One that runs, and what it said of itself."""

    found: dict[str, Any]
    environment: dict[str, str]


@pytest.fixture(scope="module")
def unequal() -> Iterator[Cluster]:
    environment = {"RAY_AUTH_TOKEN": "a" * 64, "RAY_USAGE_STATS_ENABLED": "0", "TMPDIR": "/tmp"}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    argv = [sys.executable, "-c", CLUSTER, json.dumps(UNEQUAL), TYPE + "A100", TYPE + "T4"]
    with subprocess.Popen(argv, cwd=ROOT, env={**os.environ, **environment}, **pipes) as process:
        assert process.stdin and process.stdout
        try:
            lines = iter(process.stdout.readline, "")
            line = next((line for line in lines if line.startswith("{")), None)
            assert line, "the cluster did not start"  # Ray prints warnings before it.
            yield Cluster(json.loads(line), environment)
        finally:
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()


@pytest.mark.slow
def test_ray_places_as_many_trials_as_slots_were_counted(unequal: Cluster) -> None:
    assert unequal.found["slots"] == {"1 0.5": [3, 3, 3], "2 0": [2, 2, 2], "1 0.4": [3, 3, 3]}


@pytest.mark.slow
def test_gpu_tasks_get_a_fresh_process_and_cpu_tasks_a_warm_one(
    unequal: Cluster,
) -> None:
    """A process that was used again would keep the memory of its first card, and compute there."""
    assert len({process for process, _ in unequal.found["on_gpus"]}) == 6
    assert all(len(cards) == 1 for _, cards in unequal.found["on_gpus"])
    assert len({process for process, _ in unequal.found["on_cpus"]}) < 4


@pytest.mark.slow
def test_runs_go_to_the_type_of_gpu_that_is_asked_for(unequal: Cluster) -> None:
    """The second node has an A100, the third a T4, as far as Ray knows: a search's trials and the
    seed runs of a final training."""
    assert unequal.found["t4"] == [1, 1] and unequal.found["whole"] == 1.0
    assert len(unequal.found["on_t4"]) == 8
    assert all(TYPE + "T4" in resources for resources in unequal.found["on_t4"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "torch cannot use Ray's GPUs ("),
        pytest.param(
            ["--accelerator-type", "H100"],
            "accelerator_type must be one of A100, T4; got 'H100'",
            marks=pytest.mark.soak,
        ),
        pytest.param(
            ["--accelerator-type", "H100", "--max-concurrent", "2"],
            "no node with a GPU of --accelerator-type H100 has started yet",
            marks=pytest.mark.soak,
        ),
        pytest.param(
            ["--gpus-per-trial", "0.5"], "torch cannot use Ray's GPUs (", marks=pytest.mark.soak
        ),
        pytest.param(
            ["--cpus-per-trial", "3", "--gpus-per-trial", "0"],
            "cpus_per_trial must be at most 2, the cores of the largest node; got 3",
            marks=pytest.mark.soak,
        ),
    ],
)
def test_an_impossible_request_to_the_cluster_is_one_line(
    flags: list[str], said: str, unequal: Cluster, inputs: Inputs
) -> None:
    address = unequal.found["address"]
    argv = [
        "search.run",
        "--regime",
        "untuned",
        "--trials",
        "1",
        "--no-confirm",
        "--name",
        "no",
        "--address",
        address,
        *flags,
    ]
    done = run(*argv, *inputs.sources, timeout=600, **unequal.environment, PYTHONPATH=str(ROOT))
    assert done.returncode == 2 and done.stderr.startswith("error: "), done.stderr
    assert said in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not (inputs.results / "no").exists()


@pytest.mark.slow
def test_a_final_training_on_a_type_that_no_node_has_is_one_line(
    unequal: Cluster, inputs: Inputs, tmp_path: Path
) -> None:
    recipe, out = tmp_path / "best.yaml", tmp_path / "model"
    content = {
        "regime": "baseline",
        "config": trainables.load("baseline").Config().to_dict(),
        "epochs": 1,
        "data": {"source": str(inputs.corpus)},
        "model": {"source": str(inputs.model)},
        "max_tokens": 32,
        "precision": "fp32",
        "threads": 1,
        "device": "cuda",
    }
    recipe.write_text(yaml.safe_dump(content))
    flags = ["--address", unequal.found["address"], "--accelerator-type", "H100"]
    folders = ["--out", str(out), "--results", str(tmp_path / "results")]
    argv = ["search.train", str(recipe), *flags, *folders]
    done = run(*argv, timeout=600, **unequal.environment, PYTHONPATH=str(ROOT))
    assert done.returncode == 2, done.stderr
    assert done.stderr == "error: accelerator_type must be one of A100, T4; got 'H100'\n"
    assert not out.exists() and not (tmp_path / "results").exists()
