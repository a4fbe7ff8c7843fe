"""python -m search.train: an exported configuration trained on several seeds; the best by
validation becomes a model folder.

The seeds are those that the search reports its winner on, in the same order: neither the search nor
the choice of the winner used them.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import ray
from rich.console import Console

from analysis.comparison import conditions
from analysis.comparison import numbers as comparison
from search.cluster.resources import Resources, connected, resources
from search.cluster.start import cluster
from search.command import OK, Parser, at, ended
from search.context import facts
from search.export import read_export
from search.final.mlflow_model import log_final
from search.final.model_card import model_card
from search.inputs import Prepared, prepare
from search.outputs.provenance import commit, versions
from search.outputs.tables import last_contrastive_loss, write
from search.reports import run_seconds
from search.seeds import MAX_REPORT_SEEDS, report_seeds
from search.spec import SearchSpec, results_folder
from search.terminal import next_commands as onward
from search.terminal.console import Quiet, show_table
from search.tracking.recorder import connect, one_line, tracking_uri
from search.trials import full_runs as seed_runs
from search.trials import worker
from search.trials.tuner import put
from search.trials.worker import Job, Weights
from trainables.parts.model.classifier import WEIGHTS
from trainables.parts.quote import quoted

SCORES, CARD = "scores.json", "README.md"
RECORD = {"curves": dict, "summary": dict, "best_seed": int, "configuration": dict}
"""What a scores.json of ours holds, among other things."""
FILES = (
    *(
        SCORES,
        CARD,
        WEIGHTS,
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
    ),
    *(
        "vocab.txt",
        "vocab.json",
        "merges.txt",
        "spiece.model",
        "spm.model",
        "sentencepiece.bpe.model",
        "chat_template.jinja",
    ),
)
"""What is in a model's folder; a scores.json by an earlier version does not say."""


@dataclass(frozen=True)
class Final:
    """A final training's result: the folder of the best seed's model, and the row of the comparison
    table."""

    folder: Path
    summary: dict[str, Any]


def train(
    document: Mapping[str, Any],
    seeds: int,
    out: Path,
    console: Console,
    register: str | None = None,
    uri: str | None = None,
    results: str = "results",
) -> Final:
    """Train an exported configuration on `seeds` seeds, write the best one's folder, log and if
    asked register it in MLflow.

    The first seeds are those of the search's own report: there the curves are the same to the last
    bit. Raises ValueError for what the user has to mend, OSError where the machine fails.
    """
    data, model = document["data"], document["model"]
    prepared = prepare(
        data["source"],
        model["source"],
        text_column=data.get("text_column"),
        label_column=data.get("label_column"),
        max_tokens=document["max_tokens"],
    )
    for what, then, now in (
        ("data", data.get("fingerprint"), prepared.corpus.fingerprint),
        ("model", model.get("fingerprint"), prepared.model_fingerprint),
    ):
        if then and then != now:
            console.print(
                f"NOTE     the {what} is not what the search had ({then} then, {now} now)",
                style="bold yellow",
            )
    spec = SearchSpec(
        regime=document["regime"],
        data=data["source"],
        model=model["source"],
        epochs=document["epochs"],
        cpus_per_trial=float(document["threads"]),
    )
    store = tracking_uri(uri, results)
    client = connect(store, results)
    with cluster(os.environ.get("RAY_ADDRESS")):
        have, gpu = connected(), document["device"] == "cuda"
        if gpu and not have.gpus:
            console.print(
                "NOTE     the search ran on a GPU, and there is none here: curves will differ a"
                " little",
                style="bold yellow",
            )
        fits = resources(have, spec.cpus_per_trial, 1.0 if gpu and have.gpus else 0.0, None)
        data_ref, pretrained_ref = put(prepared.data, prepared.small)
        job = Job(
            spec.regime,
            data_ref,
            pretrained_ref,
            spec.epochs,
            document["precision"],
            fits.device,
            fits.threads,
        )
        numbers = report_seeds(document.get("seed") or 0, seeds)
        curves, tested, weights = _train_seeds(
            document["config"], numbers, job, prepared, fits, console
        )
    summary = _summary(document, spec, prepared, curves, tested)
    classifier = worker.assemble(
        spec.regime,
        document["config"],
        weights,
        prepared.pretrained,
        prepared.vocabulary,
        prepared.corpus.labels,
        job.precision,
    )
    classifier.max_tokens = document["max_tokens"]
    record = {
        "curves": {str(seed): epochs for seed, epochs in curves.items()},
        "summary": summary,
        "best_seed": best_seed(curves),
        "configuration": dict(document),
        "versions": versions(),
        "commit": commit(),
    }
    out = _write_folder(out, classifier, prepared, record)
    try:
        log_final(client, store, record, curves, out, register)
    except Exception as error:  # requests, sqlalchemy and mlflow each have their own
        raise OSError(
            f"the model is in {quoted(str(out))}, but MLflow at '{store}' did not take all of it:"
            f" {one_line(error)}"
        ) from error
    return Final(out, summary)


def _train_seeds(
    config: dict[str, Any],
    seeds: Sequence[int],
    job: Job,
    prepared: Prepared,
    fits: Resources,
    console: Console,
) -> tuple[dict[int, list[dict[str, Any]]], dict[int, dict[str, float]], Weights]:
    """Every seed's epochs and, where there is a test split, its test scores; and the weights of the
    best on validation."""
    runs = [seed_runs.start(job, fits, 0, seed, config) for seed in seeds]
    curves: dict[int, list[dict[str, Any]]] = {}
    for run, trained, reason in seed_runs.finished(runs):
        if reason:
            raise OSError(f"the run on seed {run.seed} failed: {reason}")
        curves[run.seed] = trained.epochs
        console.print(
            f"seed {run.seed}: validation {trained.epochs[-1]['best_validation_accuracy']:.4f}"
        )
    tested = (
        {} if prepared.test is None else dict(zip(seeds, seed_runs.test(runs, job, fits, prepared)))
    )
    best = next(run for run in runs if run.seed == best_seed(curves))
    return {seed: curves[seed] for seed in seeds}, tested, ray.get(best.weights)


def best_seed(curves: Mapping[int, list[dict[str, Any]]]) -> int:
    """The seed with the highest validation accuracy; the lowest of equals."""
    return max(curves, key=lambda seed: (curves[seed][-1]["best_validation_accuracy"], -seed))


def _summary(
    document: Mapping[str, Any],
    spec: SearchSpec,
    prepared: Prepared,
    curves: Mapping[int, list[dict[str, Any]]],
    tested: Mapping[int, Mapping[str, float]],
) -> dict[str, Any]:
    return {
        "name": str(document.get("search") or "final"),
        "regime": spec.regime,
        "epochs": spec.epochs,
        "states": {"COMPLETE": len(curves), "PRUNED": 0, "FAIL": 0},
        "seconds": sum(map(run_seconds, curves.values())),
        "paper_config_validation_accuracy": None,
        "best_trial": document.get("trial"),
        "best_validation_accuracy": (document.get("scores") or {}).get("best_validation_accuracy"),
        "winner_trial": document.get("trial"),
        "choice_accuracy": None,
        "confirmed_accuracy": [
            epochs[-1]["best_validation_accuracy"] for epochs in curves.values()
        ],
        "confirmed_seeds": list(curves),
        "confirmed_runs_chose": False,
        "confirmed_failed": 0,
        "test": [{"seed": seed, **scores} for seed, scores in tested.items()],
        "batch_size": document["config"].get("batch_size"),
        "last_contrastive_loss": last_contrastive_loss(curves.values(), spec.epochs),
        **facts(spec, prepared),
    }


def _write_folder(out: Path, classifier: Any, prepared: Prepared, record: dict[str, Any]) -> Path:
    """Write the model's folder beside its place, then rename it into it, or to a name beside, where
    what is there is no longer ours."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        beside = Path(scratch) / "model"
        classifier.save(beside, prepared.tokenizer)
        write(beside / CARD, model_card(record))
        files = sorted({SCORES, *(path.name for path in beside.iterdir())})
        write(beside / SCORES, json.dumps(record | {"files": files}, indent=2) + "\n")
        if foreign(out):
            out = next(
                free
                for number in count(2)
                if not (free := out.with_name(f"{out.name}-{number}")).exists()
            )
        if out.exists():
            out.rename(Path(scratch) / "old")
        beside.rename(out)
    return out


def foreign(out: Path) -> str | None:
    """What keeps a folder from being replaced, because it may be somebody's; None where
    search.train wrote all that is in it."""
    if not out.exists():
        return None
    if not out.is_dir():
        return "it is a file"
    there = sorted(out.iterdir())
    if not there:
        return None
    try:
        record = json.loads((out / SCORES).read_text(encoding="utf-8"))
        written = {*FILES, *map(str, record.get("files", []))}
        ours = all(isinstance(record[name], kind) for name, kind in RECORD.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        ours = False
    if not ours:
        return f"its {SCORES} is none of search.train's, or missing"
    others = [path.name for path in there if path.name not in written or path.is_dir()]
    return f"search.train did not write {quoted(others[0])} in it" if others else None


def _check(out: Path, register: str | None) -> None:
    """Refuse, before anything is trained, what would be refused after it: a folder that is not an
    earlier training's, a bad name."""
    where = f"--out {quoted(str(out))}"
    if out.name in ("", ".."):
        raise ValueError(f"{where} has no name of its own; choose a folder with one")
    there = next(parent for parent in out.absolute().parents if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise ValueError(f"{where}: its parent folder cannot be written")
    if register is not None and (
        not register.strip()
        or not register.isprintable()
        or set(register) & set("/:")
        or len(register) > 200
    ):
        raise ValueError(
            "--register is a name without '/' and ':', up to 200 characters; got"
            f" {quoted(register)}"
        )
    with at(out):
        why = foreign(out)
    if why:
        raise ValueError(
            f"{where} exists and is not a model folder of search.train ({why}); choose another"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = Parser(prog="python -m search.train", description=__doc__)
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="what search.export wrote; of several configurations the first is trained",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        default=5,
        metavar="N",
        help="runs, on seeds that the search did not use (default: 5)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("model"),
        metavar="DIR",
        help="the model's folder (default: model)",
    )
    parser.add_argument(
        "--register", metavar="NAME", help="register the model in MLflow under this name"
    )
    parser.add_argument(
        "--tracking-uri",
        metavar="URI",
        help="an MLflow server or store (default: MLFLOW_TRACKING_URI, else sqlite in --results)",
    )
    parser.add_argument(
        "--results",
        default="results",
        metavar="DIR",
        help="where the sqlite store is (default: results)",
    )
    args = parser.parse_args(argv)
    return ended(lambda: _follow(args))


def _follow(args: argparse.Namespace) -> int:
    console = Quiet(highlight=False, soft_wrap=True, markup=False)
    if not 1 <= args.seeds <= MAX_REPORT_SEEDS:
        raise ValueError(f"--seeds is 1 to {MAX_REPORT_SEEDS}; got {quoted(args.seeds)}")
    document = read_export(args.file)
    results_folder(args.results)
    _check(args.out, args.register)
    final = train(
        document, args.seeds, args.out, console, args.register, args.tracking_uri, args.results
    )
    show_table(console, comparison.table([final.summary]))
    for line in conditions.remarks([final.summary]):
        console.print(f"  {line}", style="dim")
    console.print(f"wrote {final.folder}\nnext:\n  {onward.predict(final.folder)}")
    return OK


if __name__ == "__main__":
    raise SystemExit(main())
