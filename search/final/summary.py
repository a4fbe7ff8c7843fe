"""A final training as a row of the comparison table, beside the searches."""

from collections.abc import Mapping
from typing import Any

from analysis.metric import run_score
from analysis.read.summary import Summary, TestRun
from search.driver.context import facts
from search.final.seed_runs import SeedRuns
from search.inputs import Prepared
from search.outputs.tables import last_contrastive_loss
from search.spec import SearchSpec
from search.worker_reports import run_seconds
from trainables.parts.data.reading import reading_from


def final_summary(recipe: Mapping[str, Any], prepared: Prepared, runs: SeedRuns) -> Summary:
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
        folds=spec.folds,
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
