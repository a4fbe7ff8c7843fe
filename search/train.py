"""python -m search.train: an exported configuration trained on several seeds; the best by validation becomes a model folder."""

import json
import os
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from rich.console import Console

from analysis import comparison, conditions
from search import seeds as seed_runs
from search import worker
from search.bench import facts
from search.cluster import Resources, cluster, connected, resources
from search.export import read_export
from search.model_card import model_card
from search.model_log import log_final
from search.parser import Parser, refusal
from search.prepare import Prepared, prepare
from search.recorder import connect, tracking_uri
from search.results import last_contrastive_loss, write
from search.show import Quiet, show_table
from search.spec import SearchSpec, results_folder
from search.tuner import share
from search.versions import commit, versions
from search.worker import Job, Weights
from trainables.parts.quote import quoted

SCORES = "scores.json"
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Final:
    """A final training's result: the folder of the best seed's model, and the row of the comparison table."""

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
    """Train an exported configuration on `seeds` seeds, write the best one's folder, log and if asked register it in MLflow."""
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
                "NOTE     the search ran on a GPU, and there is none here: curves will differ a little",
                style="bold yellow",
            )
        fits = resources(have, spec.cpus_per_trial, 1.0 if gpu and have.gpus else 0.0, None)
        data_ref, pretrained_ref = share(prepared.data, prepared.small)
        job = Job(spec.regime, data_ref, pretrained_ref, spec.epochs, document["precision"], fits.device, fits.threads)
        first = document.get("seed") or 0
        curves, tested, weights = _train_seeds(document["config"], range(first, first + seeds), job, prepared, fits, console)
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
    _write_folder(out, classifier, prepared, record)
    log_final(client, store, record, curves, out, register)
    return Final(out, summary)


def _train_seeds(
    config: dict[str, Any], seeds: Sequence[int], job: Job, prepared: Prepared, fits: Resources, console: Console
) -> tuple[dict[int, list[dict[str, Any]]], dict[int, dict[str, float]], Weights]:
    """Every seed's epochs and, where there is a test split, its test scores; and the weights of the best on validation."""
    runs = [seed_runs.start(job, fits, 0, seed, config) for seed in seeds]
    curves: dict[int, list[dict[str, Any]]] = {}
    for run, trained, reason in seed_runs.finished(runs):
        if reason:
            raise ValueError(f"seed {run.seed} broke: {reason}")
        curves[run.seed] = trained.epochs
        console.print(f"seed {run.seed}: validation {trained.epochs[-1]['best_accuracy']:.4f}")
    tested = {} if prepared.test is None else dict(zip(seeds, seed_runs.test(runs, job, fits, prepared)))
    best = next(run for run in runs if run.seed == best_seed(curves))
    return {seed: curves[seed] for seed in seeds}, tested, ray.get(best.weights)


def best_seed(curves: Mapping[int, list[dict[str, Any]]]) -> int:
    """The seed with the highest validation accuracy; the lowest of equals."""
    return max(curves, key=lambda seed: (curves[seed][-1]["best_accuracy"], -seed))


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
        "seconds": sum(epoch["seconds"] for epochs in curves.values() for epoch in epochs),
        "paper_config_validation": None,
        "best_trial": document.get("trial"),
        "best_validation": (document.get("scores") or {}).get("search_validation_accuracy"),
        "winner_trial": document.get("trial"),
        "confirmed": [epochs[-1]["best_accuracy"] for epochs in curves.values()],
        "confirmed_seeds": list(curves),
        "test": [{"seed": seed, **scores} for seed, scores in tested.items()],
        "batch_size": document["config"].get("batch_size"),
        "last_contrastive_loss": last_contrastive_loss(curves.values(), spec.epochs),
        **facts(spec, prepared),
    }


def _write_folder(out: Path, classifier: Any, prepared: Prepared, record: Mapping[str, Any]) -> None:
    """Write the model's folder beside its place, then rename it into it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        beside = Path(scratch) / "model"
        classifier.save(beside, prepared.tokenizer)
        write(beside / SCORES, json.dumps(record, indent=2) + "\n")
        write(beside / "README.md", model_card(record))
        if out.exists():
            out.rename(Path(scratch) / "old")
        beside.rename(out)


def _check(out: Path, register: str | None) -> None:
    """Refuse, before anything is trained, what would be refused after it: a folder that is not an earlier training's, a bad name."""
    where = f"--out {quoted(str(out))}"
    if out.name in ("", ".."):
        raise ValueError(f"{where} has no name of its own; choose a folder with one")
    there = next(parent for parent in out.absolute().parents if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise ValueError(f"{where}: its parent folder cannot be written")
    if register is not None and (not register.strip() or not register.isprintable() or set(register) & set("/:") or len(register) > 200):
        raise ValueError(f"--register is a name without '/' and ':', up to 200 characters; got {quoted(register)}")
    if out.exists() and not (out / SCORES).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{where} exists and is not a model folder of search.train; choose another")


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = Parser(prog="python -m search.train", description=__doc__)
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="what search.export wrote; of several configurations the first is trained",
    )
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="runs, the first with the search's seed (default: 5)")
    parser.add_argument("--out", type=Path, default=Path("model"), metavar="DIR", help="the model's folder (default: model)")
    parser.add_argument("--register", metavar="NAME", help="register the model in MLflow under this name")
    parser.add_argument(
        "--tracking-uri",
        metavar="URI",
        help="an MLflow server or store (default: MLFLOW_TRACKING_URI, else sqlite in --results)",
    )
    parser.add_argument("--results", default="results", metavar="DIR", help="where the sqlite store is (default: results)")
    args = parser.parse_args(argv)
    console = Quiet(highlight=False, soft_wrap=True, markup=False)
    try:
        if not 1 <= args.seeds <= MOST_SEEDS:
            raise ValueError(f"--seeds is 1 to {MOST_SEEDS}; got {quoted(args.seeds)}")
        document = read_export(args.file)
        results_folder(args.results)
        _check(args.out, args.register)
        final = train(document, args.seeds, args.out, console, args.register, args.tracking_uri, args.results)
    except (ValueError, OSError) as error:
        print(refusal(error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    show_table(console, comparison.table([final.summary]))
    for line in conditions.remarks([final.summary]):
        console.print(f"  {line}", style="dim")
    console.print(f"wrote {final.folder}\nnext:\n  python -m search.predict {shlex.quote(str(final.folder))} 'wake me at seven'")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
