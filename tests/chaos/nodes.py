"""python -m tests.chaos.nodes: kill a node of a cluster again and again while a search runs on it.

The search has two nodes of one core. Again and again the second one is killed like a machine, all
of its processes at once, while it trains a trial; then another joins. In the end every trial must
be the one of an undisturbed search on this machine, to the last bit of its curve, and none be
blamed for a lost node.
"""

import argparse
import functools
import random
import tempfile
import time
from pathlib import Path

from search.study import records
from search.study import study as studies
from tests import tiny
from tests.chaos.journal import describe_difference, read_trials
from tests.processes import Inputs, run, write_inputs
from tests.ray_nodes import ray_nodes
from tests.ray_search import Search, trains_on

FLAGS = ["--sampler", "random", "--scheduler", "none", "--epochs", "200"]
"""A trial takes seconds, so that nodes die within its epochs."""


def undisturbed(inputs: Inputs, trials: int) -> Path:
    """The folder of the search on this machine."""
    argv = ["search.run", "--regime", "llrd_warmup", "--name", "alone", *inputs.sources]
    done = run(*argv, *FLAGS, "--trials", str(trials), "--no-confirm", timeout=3600)
    assert done.returncode == 0, done.stderr
    return inputs.results / "alone"


def disturbed(inputs: Inputs, trials: int, kills: int, seed: int) -> Path:
    """The folder of the search on the cluster, whose nodes are killed in a trial."""
    delays = random.Random(seed)
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="n") as short:
        flags = [*FLAGS, "--trials", str(trials)]
        with ray_nodes(Path(short), 1, 1) as nodes, Search(inputs, nodes, "killed", *flags) as job:
            for killed in range(1, kills + 1):
                job.wait(functools.partial(trains_on, nodes.nodes[-1]))
                time.sleep(delays.uniform(0.5, 3))
                nodes.kill(nodes.nodes[-1])
                print(f"killed {killed} of {kills} nodes", flush=True)
                nodes.join(1)
            code, _, err = job.end(3600)
            assert code == 0, err
    return inputs.results / "killed"


def problems(alone: Path, killed: Path) -> list[str]:
    """What the search on the cluster has differently, a line each."""
    expected, actual = read_trials(alone), read_trials(killed)
    lines = [f"lost trial {number}" for number in expected.keys() - actual.keys()]
    lines += [f"one trial too many: {number}" for number in actual.keys() - expected.keys()]
    lines += [
        f"trial {number}: {describe_difference(trial, actual[number])}"
        for number, trial in expected.items()
        if number in actual and actual[number] != trial
    ]
    return lines + [
        f"trial {trial.number} is blamed"
        for trial in studies.read_study(killed).get_trials(deepcopy=False)
        if records.WORKER_DIED.recorded(trial)
    ]


def requeued(folder: Path) -> int:
    """How often a trial was queued again because its node was lost."""
    trials = studies.read_study(folder).get_trials(deepcopy=False)
    return sum(records.NODES_LOST.read(trial) or 0 for trial in trials)


def main(argv: list[str] | None = None) -> int:
    """Return 0 if there were no problems, else 1."""
    p = argparse.ArgumentParser(prog="python -m tests.chaos.nodes", description=__doc__)
    p.add_argument("--kills", type=int, default=30, help="of nodes (default: 30)")
    p.add_argument("--trials", type=int, default=60, help="of the search (default: 60)")
    p.add_argument("--seed", type=int, default=0, help="of the times between (default: 0)")
    args = p.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        model = tiny.write_model(Path(folder) / "model")
        inputs = write_inputs(Path(folder), model)
        alone = undisturbed(inputs, args.trials)
        killed = disturbed(inputs, args.trials, args.kills, args.seed)
        lines = problems(alone, killed)
        lost = requeued(killed)
    for line in lines:
        print(line)
    ended = f"{args.trials} trials, {args.kills} nodes killed, {lost} trials queued again"
    print(f"{ended}, {len(lines)} problems")
    return int(bool(lines))


if __name__ == "__main__":
    raise SystemExit(main())
