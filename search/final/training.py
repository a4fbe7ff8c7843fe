"""Final training: a recipe on several seeds, of which the best or all together are the model."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import ray
from rich.console import Console

import trainables
from analysis.metric import Metric, qualifier, run_score
from analysis.read.summary import Summary, TestRun
from search.cluster.resources import Resources, connected, resources
from search.cluster.start import cluster
from search.driver.context import facts
from search.final.combining import (
    Combined,
    Kind,
    check_combination,
    mean_weights,
    measured,
)
from search.final.confidence import Confidence, calibrate
from search.final.folder import write_folder
from search.final.mlflow_model import log_final
from search.final.onnx_files import OnnxScores, add_onnx
from search.final.out_of_scope import Detection, measure
from search.final.record import RECIPE, recipe_digest
from search.final.transfer import values_around
from search.final.tuning import job_of, tune
from search.inputs import Prepared, prepare
from search.outputs.provenance import commit, versions
from search.outputs.tables import last_contrastive_loss
from search.reports import run_seconds
from search.seeds import report_seeds
from search.spec import SearchSpec
from search.terminal.console import SafeConsole
from search.tracking.recorder import connect, tracking_uri, without_password
from search.trials import full_runs, worker
from search.trials.worker import Parcel, Weights
from trainables.parts.data.reading import reading_from
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.ensemble import Ensemble
from trainables.parts.model.head import Head
from trainables.parts.model.ngrams import NgramClassifier
from trainables.parts.model.onnx_model import require_onnx
from trainables.parts.model.text_classifier import AnyClassifier
from trainables.parts.quote import quoted, reason

Curve = list[dict[str, Any]]
"""A run's epochs, as `Epoch.to_dict` makes them."""


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


@dataclass(frozen=True)
class Runs:
    """The runs of all seeds."""

    curves: dict[int, Curve]
    tests: dict[int, dict[str, float]]
    """Scores on the test split by seed; empty without one."""
    models: dict[int, Parcel]
    """By seed: of the best one, or of all that are combined."""
    failed: dict[int, str]
    """Why seeds failed, in training or in their test. They are in none of the above."""
    metric: Metric

    @property
    def best_seed(self) -> int:
        """The seed with the highest score on validation."""
        return best_seed(self.curves, self.metric)

    @property
    def scores(self) -> dict[int, float]:
        """Each seed's score on validation."""
        return {seed: run_score(curve, self.metric) for seed, curve in self.curves.items()}


def train(spec: TrainSpec, console: Console | None = None) -> Final:
    """Train the recipe on each seed, write the best seed's model or all seeds' models as one, log
    it and perhaps register it. Seeds that fail are left out.

    The first seeds are those of the search's own report, with bit-identical curves. Raises
    ValueError for invalid input, OSError where the machine fails or every seed does.
    """
    console = console or SafeConsole(highlight=False, soft_wrap=True, markup=False)
    recipe = spec.recipe
    if spec.onnx:
        _require_onnx(recipe["regime"])
    check_combination(spec.combine, spec.seeds, recipe, spec.onnx)
    configs = _tuned_configs(spec)
    prepared = _load_inputs(recipe, console)
    store = tracking_uri(spec.tracking_uri, spec.results)
    with cluster(spec.address or os.environ.get("RAY_ADDRESS"), environment=spec.runtime_env):
        per_run = _resources(recipe, console)
        # Only now: a recipe that does not fit the machine leaves no store behind.
        client = connect(store, spec.results)
        recipe = {**recipe, "model": {**recipe["model"], "fingerprint": prepared.model_fingerprint}}
        recipe, tuning = tune(recipe, spec.tune, configs, prepared, per_run, console)
        runs = _train_seeds(recipe, spec, prepared, per_run, console)
    summary = _summary(recipe, prepared, runs)
    classifier, combined = _model(recipe, prepared, runs, spec.combine)
    if spec.combine and combined is None:
        only = f"only seed {runs.best_seed} succeeded: the folder holds its model"
        _note(console, f"{only} and no {spec.combine}")
    confidence = calibrate(classifier, prepared.validation, prepared.test, spec.wanted_precision)
    splits = {"validation": prepared.validation, "test": prepared.test}
    out_of_scope = measure(
        classifier,
        {name: split for name, split in splits.items() if split is not None},
        prepared.out_of_scope,
        confidence.threshold,
    )
    record = {
        "curves": {str(seed): curve for seed, curve in runs.curves.items()},
        "summary": summary.to_dict(),
        "best_seed": runs.best_seed,
        **(
            {"failed_seeds": {str(seed): why for seed, why in runs.failed.items()}}
            if runs.failed
            else {}
        ),
        "configuration": dict(recipe),
        RECIPE: recipe_digest(spec.recipe),
        "confidence": asdict(confidence),
        **({"combined": combined.to_dict()} if combined else {}),
        **(
            {"out_of_scope": {name: asdict(one) for name, one in out_of_scope.items()}}
            if out_of_scope
            else {}
        ),
        "versions": versions(),
        "commit": commit(),
    }
    out = write_folder(spec.out, classifier, prepared.tokenizer, record, overwrite=spec.overwrite)
    onnx = _add_onnx(out, prepared) if spec.onnx else []
    try:
        log_final(client, store, summary, recipe, runs.curves, out, spec.register, tuning, combined)
    except Exception as error:  # requests, sqlalchemy and mlflow raise errors of their own.
        problem = (
            f"the model is in {quoted(str(out))}, but MLflow at '{store}' lacks some of it:"
            f" {reason(error)}"
        )
        raise OSError(without_password(problem, store)) from error
    return Final(out, summary, confidence, onnx, combined, out_of_scope, runs.failed)


def _tuned_configs(spec: TrainSpec) -> dict[float, dict[str, Any]]:
    """The configurations that tuning compares, by the value of the tuned field.

    Values beyond the field's range are left out. Raises ValueError where it cannot be tuned.
    """
    regime, config = spec.recipe["regime"], spec.recipe["config"]
    if spec.tune is None:
        return {}
    build = trainables.load(regime).Config.from_dict
    configs = {}
    for value in values_around(config, regime, spec.tune, spec.tune_trials):
        with contextlib.suppress(ValueError):
            configs[value] = build({**config, spec.tune: value}).to_dict()
    if len(configs) < 2:
        raise ValueError(
            f"--tune {spec.tune}: no value a factor of two from {config[spec.tune]:g} is in its"
            " range; tune another field"
        )
    return configs


def _require_onnx(regime: str) -> None:
    """Raise ValueError where `regime`'s model cannot become ONNX, or a package is missing."""
    if not issubclass(trainables.load(regime).Config, Head):
        raise ValueError(f"--onnx needs a regime with an encoder; {quoted(regime)} has none")
    require_onnx("--onnx")


def _add_onnx(folder: Path, prepared: Prepared) -> list[OnnxScores]:
    try:
        return add_onnx(folder, prepared.validation)
    except Exception as error:  # the exporter and ONNX Runtime raise errors of their own
        problem = f"the model is in {quoted(str(folder))}, but without ONNX: {reason(error)}"
        raise OSError(problem) from error


def _load_inputs(recipe: Mapping[str, Any], console: Console) -> Prepared:
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


def _resources(recipe: Mapping[str, Any], console: Console) -> Resources:
    """A whole GPU for each run where the search used one and there is one, else the CPU."""
    machine, gpu = connected(), recipe["device"] == "cuda"
    if gpu and not machine.gpus:
        _note(console, "the search ran on a GPU, and there is none here: curves differ slightly")
    gpus = 1.0 if gpu and machine.gpus else 0.0
    return resources(machine, float(recipe["threads"]), gpus, None)


def _note(console: Console, text: str) -> None:
    console.print(f"NOTE     {text}", style="bold yellow")


def _train_seeds(
    recipe: Mapping[str, Any],
    spec: TrainSpec,
    prepared: Prepared,
    per_run: Resources,
    console: Console,
) -> Runs:
    """Train on each seed, and test where there is a test split.

    Seeds that fail are printed and left out. Raises OSError where all fail.
    """
    job = job_of(recipe, prepared, per_run)
    seeds = report_seeds(recipe.get("seed") or 0, spec.seeds)
    runs = [full_runs.start(job, per_run, 0, seed, recipe["config"]) for seed in seeds]
    metric: Metric = recipe["metric"]
    done: dict[int, Curve] = {}
    ran: dict[int, full_runs.Run] = {}
    failed: dict[int, str] = {}

    def fail(seed: int, why: str) -> None:
        failed[seed] = why
        console.print(f"seed {seed}: failed: {why}", style="bold red")

    try:
        for run, epochs, failure in full_runs.finished(runs):
            if failure:
                fail(run.seed, failure)
                continue
            done[run.seed], ran[run.seed] = epochs, run
            score = f"{run_score(epochs, metric):.4f}{qualifier(metric)}"
            console.print(f"seed {run.seed}: validation {score}")
    except OSError as error:  # No worker can be started any more.
        for seed in seeds:
            if seed not in {*done, *failed}:
                fail(seed, str(error))
    tests: dict[int, dict[str, float]] = {}
    if prepared.test is not None and ran:
        tests, untested = _tested([ran[seed] for seed in seeds if seed in ran], per_run, prepared)
        for seed, why in untested.items():
            fail(seed, why)
    models: dict[int, Parcel] = {}
    while curves := {seed: done[seed] for seed in seeds if seed in done and seed not in failed}:
        wanted = list(curves) if spec.combine else [best_seed(curves, metric)]
        for seed in set(wanted) - set(models):
            try:
                models[seed] = ray.get(ran[seed].model)
            except ray.exceptions.RayError as error:  # Its node is gone, and the model with it.
                fail(seed, f"its model is lost: {worker.failure_reason(error)}")
        if not failed.keys() & wanted:
            tests = {seed: tests[seed] for seed in curves if seed in tests}
            return Runs(curves, tests, {seed: models[seed] for seed in wanted}, failed, metric)
    first = min(failed)
    every = f"all {len(seeds)} seeds failed; " if len(seeds) > 1 else ""
    raise OSError(f"{every}seed {first}: {failed[first]}")


def _tested(
    runs: Sequence[full_runs.Run], per_run: Resources, prepared: Prepared
) -> tuple[dict[int, dict[str, float]], dict[int, str]]:
    """The scores on the test split by seed, and why runs cannot be tested."""
    try:
        tested = full_runs.test(runs, per_run, prepared)
        return {run.seed: one.scores for run, one in zip(runs, tested)}, {}
    except OSError as error:
        if len(runs) == 1:
            return {}, {runs[0].seed: str(error)}
    # One at a time, to see which of them fail.
    tests: dict[int, dict[str, float]] = {}
    failed: dict[int, str] = {}
    for run in runs:
        scores, why = _tested([run], per_run, prepared)
        tests, failed = tests | scores, failed | why
    return tests, failed


def best_seed(curves: Mapping[int, Curve], metric: Metric) -> int:
    """The seed with the highest score on validation; on ties the lowest seed."""
    return max(curves, key=lambda seed: (run_score(curves[seed], metric), -seed))


def _model(
    recipe: Mapping[str, Any], prepared: Prepared, runs: Runs, kind: Kind | None
) -> tuple[AnyClassifier, Combined | None]:
    """The model for the folder, and what combining the seeds brought."""

    def of(trained: Parcel) -> Classifier | NgramClassifier:
        return _classifier(recipe, prepared, trained)

    if kind is None or len(runs.models) < 2:
        return of(runs.models[runs.best_seed]), None
    model: AnyClassifier
    if kind == "soup":
        trained = [one for one in runs.models.values() if isinstance(one, Weights)]
        model = of(mean_weights(trained))
    else:
        built = map(of, runs.models.values())
        model = Ensemble([one for one in built if isinstance(one, Classifier)])
    combined = measured(kind, model, runs.scores, prepared)
    return (model if combined.kept else of(runs.models[runs.best_seed])), combined


def _classifier(
    recipe: Mapping[str, Any], prepared: Prepared, trained: Parcel
) -> Classifier | NgramClassifier:
    """The trained model over the whole vocabulary."""
    classifier = worker.assemble(
        recipe["regime"],
        recipe["config"],
        trained,
        prepared.pretrained,
        prepared.vocabulary,
        prepared.corpus.labels,
        recipe["precision"],
    )
    if isinstance(classifier, Classifier):
        classifier.max_tokens = recipe["max_tokens"]
    return classifier


def _summary(recipe: Mapping[str, Any], prepared: Prepared, runs: Runs) -> Summary:
    """The outcome, as a row of the comparison table."""
    spec = SearchSpec(
        regime=recipe["regime"],
        data=recipe["data"]["source"],
        model=recipe["model"]["source"],
        epochs=recipe["epochs"],
        epoch_size=recipe.get("epoch_size"),
        metric=recipe["metric"],
        **reading_from(recipe["data"]),
    )
    scores = recipe.get("scores") or {}
    curves = runs.curves.values()
    return Summary(
        name=str(recipe.get("search") or "final"),
        regime=spec.regime,
        data=spec.data_name,
        model=spec.model,
        epochs=spec.epochs,
        epoch_size=spec.sentences_per_epoch,
        metric=spec.metric,
        states={"COMPLETE": len(runs.curves), "PRUNED": 0, "FAIL": len(runs.failed)},
        seconds=sum(map(run_seconds, curves)),
        paper_config_validation_accuracy=None,
        best_trial=recipe.get("trial"),
        best_validation_accuracy=scores.get("best_validation_accuracy"),
        best_validation_macro_f1=scores.get("best_validation_macro_f1"),
        winner_trial=recipe.get("trial"),
        confirmed_accuracy=tuple(run_score(curve, "accuracy") for curve in curves),
        confirmed_macro_f1=tuple(run_score(curve, "macro_f1") for curve in curves),
        confirmed_seeds=tuple(runs.curves),
        confirmed_runs_chose=False,
        confirmed_failed=len(runs.failed),
        test=tuple(TestRun(seed=seed, **scores) for seed, scores in runs.tests.items()),
        batch_size=recipe["config"].get("batch_size"),
        last_contrastive_loss=last_contrastive_loss(curves, spec),
        **facts(spec, prepared),
    )
