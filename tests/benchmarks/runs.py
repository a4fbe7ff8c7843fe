"""The training runs of a benchmark: each is a line of a JSON-lines file as soon as it has ended,
and none that is there is trained again."""

import contextlib
import json
import multiprocessing
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

import trainables
from search.inputs import Prepared, prepare, resolve_precision

Run = dict[str, Any]
"""What is to be trained, or what was: then with its scores too."""
_prepared: dict[str, Prepared] = {}


def complete(
    wanted: Sequence[Run],
    out: Path,
    train: Callable[[Run], Run],
    *,
    processes: int,
    begin: Callable[..., None],
    arguments: Sequence[Any],
) -> list[Run]:
    """Train the runs that `out` lacks, side by side; return all that have ended, in order.

    `train` adds the scores to a run. `begin` is called with `arguments` in each process first.
    After ^C or SIGTERM, runs are missing. Raises ValueError if `out` is another program's file.
    """
    ended = read(out)
    missing = [run for run in wanted if _of(run, ended) is None]
    out.parent.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    context = multiprocessing.get_context("spawn")
    with (
        contextlib.suppress(KeyboardInterrupt),
        context.Pool(processes, begin, arguments) as pool,
        out.open("a") as file,
    ):
        for run in pool.imap_unordered(train, missing):
            ended.append(run)
            file.write(json.dumps(run) + "\n")
            file.flush()
            print(json.dumps(run), flush=True)
    rows = [_of(run, ended) for run in wanted]
    return [row for row in rows if row is not None]


def read(out: Path) -> list[Run]:
    """The runs in a file. Raises ValueError if it is another program's."""
    if not out.exists():
        return []
    try:
        return [dict(json.loads(line)) for line in out.read_text().splitlines()]
    except (ValueError, TypeError) as error:
        raise ValueError(f"--out {out} is not a file of this program: {error}") from error


def _of(run: Run, ended: Sequence[Run]) -> Run | None:
    return next((row for row in ended if row.items() >= run.items()), None)


def begin(data: str, *models: str) -> None:
    """Prepare a process for `train`: one thread, the data with each model's tokens."""
    torch.set_num_threads(1)
    _prepared.update({model: prepare(data, model) for model in models})


def train(run: Run) -> Run:
    """Train `config` of `regime` with `model` for `epochs` epochs.

    Adds the validation accuracy after each epoch of the first stage, `accuracies`: 0 from where the
    loss was not finite. And `accuracy`, the best of the last stage.
    """
    module, prepared = trainables.load(run["regime"]), _prepared[run["model"]]
    epochs = []
    with contextlib.suppress(FloatingPointError):
        for epoch in module.train(
            module.Config.from_dict(run["config"]),
            prepared.data,
            prepared.small.build(resolve_precision("auto", gpu=False)),
            epochs=run["epochs"],
            seed=run["seed"],
        ):
            epochs.append(epoch)
    first = [epoch.validation_accuracy for epoch in epochs[: run["epochs"]]]
    return run | {
        "accuracies": first + [0.0] * (run["epochs"] - len(first)),
        "accuracy": epochs[-1].best_validation_accuracy if epochs else 0.0,
        "seconds": round(sum(epoch.seconds for epoch in epochs), 1),
    }
