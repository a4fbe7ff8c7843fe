"""python -m tests.benchmarks.hf_search FILE.json:

`Trainer.hyperparameter_search` over a list of learning rates or over a regime's space.

transformers' own Ray backend serves both as it is. Over a list, Ray's grid search gives the list;
over a space, Ray's `OptunaSearch` asks Optuna's TPE with the very function that Regimen searches. A
trial is an actor on `threads` cores, `slots` run at a time, nothing is stopped early. The Optuna
backend trains in one process, a trial after the other, on all threads.
"""

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import ray
import torch
from ray import tune
from ray.tune.search.optuna import OptunaSearch
from transformers import Trainer

import spaces
import trainables
from search.spec import SearchSpec
from search.study.configuration import configuration, point_parameters
from tests.benchmarks.hf_plan import HfSearch
from tests.benchmarks.hf_trainer import RegimeTrainer, SentenceClassifier, build, stamp
from trainables.parts.model import loading


def search(plan: HfSearch) -> None:
    """Run the search."""
    if plan.rates:
        over_rates(plan)
    else:
        over_space(plan)


def over_rates(plan: HfSearch) -> None:
    """Train each learning rate of the list once, with a plain Trainer."""
    source, labels = loading.model_folder(plan.model), plan.labels
    config = trainables.load(plan.regime).Config.from_dict(plan.fix)
    arguments = {
        "weight_decay": config.weight_decay,
        "per_device_train_batch_size": config.batch_size,
    }
    trainer = _trainer(
        plan, Trainer, lambda: SentenceClassifier(source, config, labels), **arguments
    )

    def space(_: Any) -> dict[str, Any]:
        stamp(plan.events, "asked")
        return {"learning_rate": tune.grid_search(plan.rates)}

    _start_ray(plan)
    trainer.hyperparameter_search(hp_space=space, n_trials=1, **_tune(plan))


def over_space(plan: HfSearch) -> None:
    """Train trials proposed by TPE, with the regime's optimiser and schedule."""
    spec = SearchSpec(
        regime=plan.regime,
        data=plan.data,
        model=plan.model,
        epochs=plan.epochs,
        seed=plan.seed,
        fix=plan.fix,
    )
    source, labels, regime = (
        loading.model_folder(plan.model),
        plan.labels,
        trainables.load(plan.regime),
    )
    sampler, space = (
        optuna.samplers.TPESampler(seed=plan.seed),
        partial(suggested, spec),
    )  # a partial, because OptunaSearch pickles it

    def model(trial: Any) -> SentenceClassifier:
        """Of a trial, which is a dictionary with Ray and Optuna's own with Optuna; and of none,
        when the Trainer is made."""
        asked = (
            {"config": spec.fix}
            if trial is None
            else trial
            if isinstance(trial, dict)
            else space(trial)
        )
        return SentenceClassifier(source, regime.Config.from_dict(asked["config"]), labels)

    trainer = _trainer(plan, RegimeTrainer, model, max_grad_norm=0)
    if plan.backend == "optuna":
        torch.set_num_threads(plan.threads)
        stamp(plan.events, "asked")
        pruner = optuna.pruners.NopPruner()
        trainer.hyperparameter_search(
            hp_space=space,
            n_trials=plan.trials,
            backend="optuna",
            sampler=sampler,
            pruner=pruner,
            **_goal(),
        )
        return
    points = (
        [point_parameters(spec, point) for point in getattr(spaces.load(plan.regime), "POINTS", [])]
        if plan.points
        else []
    )
    proposes = OptunaSearch(
        space, metric="objective", mode="max", sampler=sampler, points_to_evaluate=points
    )
    _start_ray(plan)
    stamp(plan.events, "asked")
    trainer.hyperparameter_search(
        hp_space=lambda _: {}, n_trials=plan.trials, search_alg=proposes, **_tune(plan)
    )


def suggested(spec: SearchSpec, trial: Any) -> dict[str, Any]:
    """The configuration from the regime's space, and the part of it that Trainer takes."""
    config = configuration(spec, trial)
    return {
        "config": config,
        "per_device_train_batch_size": config["batch_size"],
        "learning_rate": config["learning_rate"],
    }


def _trainer(plan: HfSearch, kind: type[Trainer], model: Any, **arguments: Any) -> Trainer:
    return build(
        kind,
        model,
        Path(plan.data),
        loading.model_folder(plan.model),
        plan.events,
        output_dir=tempfile.mkdtemp(),
        num_train_epochs=plan.epochs,
        seed=plan.seed,
        bf16=plan.bf16,
        train_sampling_strategy=plan.sampling,
        **arguments,
    )


def _goal() -> dict[str, Any]:
    return {"compute_objective": lambda metrics: metrics["eval_accuracy"], "direction": "maximize"}


def _start_ray(plan: HfSearch) -> None:
    temporary = tempfile.mkdtemp(prefix="ray-")
    ray.init(
        num_cpus=plan.slots * plan.threads,
        include_dashboard=False,
        log_to_driver=False,
        _temp_dir=temporary,
    )


def _tune(plan: HfSearch) -> dict[str, Any]:
    """Arguments of `tune.run`: a trial's resources and no progress table; defaults for the rest."""
    reuse = {"reuse_actors": True} if plan.reuse else {}
    share = {
        "resources_per_trial": {"cpu": plan.threads},
        "storage_path": tempfile.mkdtemp(),
        "verbose": 0,
    }
    return {"backend": "ray", **share, **reuse, **_goal()}


def main() -> int:
    """Run the plan in the file."""
    search(HfSearch.from_json(Path(sys.argv[1]).read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
