"""Final training: a recipe on several seeds, of which the best or all together are the model."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from analysis.read.summary import Summary
from search.cluster.preflight import preflight
from search.cluster.resources import Resources, connected, require_accelerator, resources
from search.cluster.start import cluster
from search.final.combining import Combined, Kind, check_combination
from search.final.confidence import Confidence, calibrate
from search.final.folder import reserved, write_folder
from search.final.mlflow_model import log_final
from search.final.onnx_files import OnnxScores, add_onnx, check_onnx
from search.final.out_of_scope import Detection, measure
from search.final.record import RECIPE, recipe_digest
from search.final.seed_runs import SeedRuns, train_seeds
from search.final.summary import final_summary
from search.final.trained_model import trained_model
from search.final.tuning import configs_to_tune, tune
from search.inputs import Prepared, prepare
from search.outputs.provenance import commit, versions
from search.terminal.console import SafeConsole
from search.tracking.store import connect, tracking_uri, without_password
from search.trials import worker
from trainables.parts.data.reading import reading_from
from trainables.parts.quote import error_text, quoted


@dataclass(frozen=True, kw_only=True)
class TrainSpec:
    """A final training."""

    recipe: Mapping[str, Any]
    """As `search.outputs.recipe.read_recipe` returns it. Its metric says which epochs and which
    seed are best."""
    out: Path
    """The model's folder."""
    overwrite: bool = False
    """Whether it may replace the model of another recipe. The same recipe's is replaced always, and
    what `search.train` did not write never."""
    seeds: int = 5
    """Number of runs, on seeds that neither the search nor the choice of its winner used."""
    wanted_precision: float = 0.95
    """The fraction of right answers for which a confidence threshold is found."""
    onnx: bool = False
    """Whether the folder gets ONNX files too."""
    register: str | None = None
    """Name under which MLflow registers the model; None: not registered."""
    tracking_uri: str | None = None
    """MLflow server or store; None: MLFLOW_TRACKING_URI, else an SQLite file in `results`."""
    results: str = "results"
    """Folder of the SQLite file."""
    tune: str | None = None
    """A field of the recipe that is tuned first, on validation and the search's seed."""
    tune_trials: int = 4
    """Number of its values, the recipe's own among them."""
    combine: Kind | None = None
    """Whether the folder gets the models of all seeds as one; None: the best seed's model."""
    accelerator_type: str | None = None
    """Type of the GPUs that the runs use, as Ray names it; None: any."""
    address: str | None = None
    """Address of a running Ray cluster; None: RAY_ADDRESS, else a new local cluster."""
    runtime_env: str | None = None
    """File with a runtime environment for that cluster's workers."""


@dataclass(frozen=True)
class Final:
    """The result: the model's folder, and the row of the comparison table."""

    folder: Path
    summary: Summary
    confidence: Confidence
    onnx: Sequence[OnnxScores] = ()
    """Of each ONNX file."""
    combined: Combined | None = None
    """What combining the seeds brought, where it was asked for."""
    out_of_scope: Mapping[str, Detection] = field(default_factory=dict)
    """By split, how well the model tells texts without an intent, where there are some."""
    failed: Mapping[int, str] = field(default_factory=dict)
    """Why seeds failed. The model and the scores are those of the others."""


def train(spec: TrainSpec, console: Console | None = None) -> Final:
    """Train the recipe on each seed, write the best seed's model or all seeds' models as one, log
    it and perhaps register it. Seeds that fail are left out.

    The first seeds are those of the search's own report, with bit-identical curves. Raises
    ValueError for invalid input, OSError where the machine fails or every seed does.
    """
    with reserved(spec.out):
        return _train(spec, console or SafeConsole(highlight=False, soft_wrap=True, markup=False))


def _train(spec: TrainSpec, console: Console) -> Final:
    recipe = spec.recipe
    if spec.onnx:
        check_onnx(recipe["regime"])
    check_combination(spec.combine, spec.seeds, recipe, spec.onnx)
    if spec.accelerator_type is not None and recipe["device"] != "cuda":
        raise ValueError("accelerator_type needs a GPU; leave it out: the search used none")
    configs = configs_to_tune(recipe, spec.tune, spec.tune_trials)
    prepared = load_inputs(recipe, console)
    store = tracking_uri(spec.tracking_uri, spec.results)
    with cluster(spec.address or os.environ.get("RAY_ADDRESS"), environment=spec.runtime_env):
        per_run = resources_of(recipe, spec.accelerator_type, console)
        preflight(worker.__name__, per_run)
        # Only now: a recipe that does not fit the machine leaves no store behind.
        client = connect(store, spec.results)
        recipe = {**recipe, "model": {**recipe["model"], "fingerprint": prepared.model_fingerprint}}
        recipe, tuning = tune(recipe, spec.tune, configs, prepared, per_run, console)
        all_models = spec.combine is not None
        runs = train_seeds(recipe, spec.seeds, prepared, per_run, console, all_models=all_models)
    final = _write_model(spec, recipe, prepared, runs, console)
    try:
        log_final(
            client,
            store,
            final.summary,
            recipe,
            runs.curves,
            final.folder,
            spec.register,
            tuning,
            final.combined,
        )
    except Exception as error:  # requests, sqlalchemy and mlflow raise errors of their own.
        problem = (
            f"the model is in {quoted(str(final.folder))}, but MLflow at '{store}' lacks some of"
            f" it: {error_text(error)}"
        )
        raise OSError(without_password(problem, store)) from error
    return final


def _write_model(
    spec: TrainSpec,
    recipe: Mapping[str, Any],
    prepared: Prepared,
    runs: SeedRuns,
    console: Console,
) -> Final:
    """Build the model, calibrate and measure it, and write its folder."""
    summary = final_summary(recipe, prepared, runs)
    classifier, combined = trained_model(recipe, prepared, runs, spec.combine)
    if spec.combine and combined is None:
        only = f"only seed {runs.best_seed} succeeded: the folder holds its model"
        _note(console, f"{only} and no {spec.combine}")
    confidence = calibrate(
        classifier, prepared.validation, prepared.test, spec.wanted_precision, runs.held_out
    )
    # With folds, the model was trained on what is called validation.
    seen = prepared.data.folds is not None
    splits = {"validation": None if seen else prepared.validation, "test": prepared.test}
    out_of_scope = measure(
        classifier,
        {name: split for name, split in splits.items() if split is not None},
        prepared.out_of_scope,
        confidence.threshold,
    )
    final = Final(spec.out, summary, confidence, (), combined, out_of_scope, runs.failed)
    record = _record(spec, recipe, runs, final)
    out = write_folder(spec.out, classifier, prepared.tokenizer, record, overwrite=spec.overwrite)
    return replace(final, folder=out, onnx=_add_onnx(out, prepared) if spec.onnx else ())


def _record(
    spec: TrainSpec, recipe: Mapping[str, Any], runs: SeedRuns, final: Final
) -> dict[str, Any]:
    """The content of scores.json. What there is nothing of has no entry."""
    detections = {name: asdict(detection) for name, detection in final.out_of_scope.items()}
    optional = {
        "failed_seeds": {str(seed): why for seed, why in runs.failed.items()},
        "combined": final.combined.to_dict() if final.combined else {},
        "out_of_scope": detections,
    }
    return {
        "curves": {str(seed): curve for seed, curve in runs.curves.items()},
        "summary": final.summary.to_dict(),
        "best_seed": runs.best_seed,
        "configuration": dict(recipe),
        RECIPE: recipe_digest(spec.recipe),
        "confidence": asdict(final.confidence),
        **{name: value for name, value in optional.items() if value},
        "versions": versions(),
        "commit": commit(),
    }


def _add_onnx(folder: Path, prepared: Prepared) -> list[OnnxScores]:
    try:
        if prepared.data.folds is None:
            return add_onnx(folder, prepared.validation, "validation")
        if prepared.test is not None:
            return add_onnx(folder, prepared.test, "test")
        return add_onnx(folder, prepared.validation, "train")
    except Exception as error:  # the exporter and ONNX Runtime raise errors of their own
        problem = f"the model is in {quoted(str(folder))}, but without ONNX: {error_text(error)}"
        raise OSError(problem) from error


def load_inputs(recipe: Mapping[str, Any], console: Console) -> Prepared:
    """The recipe's data and model, with a note where they have changed since the search."""
    data, model = recipe["data"], recipe["model"]
    prepared = prepare(
        data["source"],
        model["source"],
        max_tokens=recipe["max_tokens"],
        metric=recipe["metric"],
        epoch_size=recipe.get("epoch_size"),
        **reading_from(data),
    )
    for name, then, now in (
        ("data", data.get("fingerprint"), prepared.corpus.fingerprint),
        ("model", model.get("fingerprint"), prepared.model_fingerprint),
    ):
        if then and then != now:
            _note(console, f"the {name} has changed since the search ({then} then, {now} now)")
    return prepared


def resources_of(recipe: Mapping[str, Any], accelerator: str | None, console: Console) -> Resources:
    """A whole GPU for each run where the search used one and there is one, else the CPU.

    Of the type `accelerator`, where it is given. Raises ValueError where the cluster has none.
    """
    if accelerator is not None:
        require_accelerator(accelerator)
    machine, gpu = connected(accelerator), recipe["device"] == "cuda"
    if gpu and not machine.gpus:
        _note(console, "the search ran on a GPU, and there is none here: curves differ slightly")
    gpus = 1.0 if gpu and machine.gpus else 0.0
    return resources(machine, float(recipe["threads"]), gpus, None, accelerator=accelerator)


def _note(console: Console, text: str) -> None:
    console.print(f"NOTE     {text}", style="bold yellow")
