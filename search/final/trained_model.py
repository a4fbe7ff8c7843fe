"""The model for the folder: the best seed's, or the models of all seeds as one."""

from collections.abc import Mapping
from typing import Any

from search.final.combining import Combined, Kind, mean_weights, measured
from search.final.seed_runs import SeedRuns
from search.inputs import Prepared
from search.trials.parcel import Parcel, Weights, assemble
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.ensemble import Ensemble
from trainables.parts.model.ngrams import NgramClassifier
from trainables.parts.model.text_classifier import AnyClassifier


def trained_model(
    recipe: Mapping[str, Any], prepared: Prepared, runs: SeedRuns, kind: Kind | None
) -> tuple[AnyClassifier, Combined | None]:
    """The model, and what combining the seeds brought."""

    def build(parcel: Parcel) -> Classifier | NgramClassifier:
        return _classifier(recipe, prepared, parcel)

    best = runs.models[runs.best_seed]
    if kind is None or len(runs.models) < 2:
        return build(best), None
    model: AnyClassifier
    if kind == "soup":
        models = [parcel.model for parcel in runs.models.values()]
        weights = [model for model in models if isinstance(model, Weights)]
        model = build(Parcel(mean_weights(weights)))
    else:
        built = map(build, runs.models.values())
        model = Ensemble([member for member in built if isinstance(member, Classifier)])
    combined = measured(kind, model, runs.scores, prepared)
    return (model if combined.kept else build(best)), combined


def _classifier(
    recipe: Mapping[str, Any], prepared: Prepared, parcel: Parcel
) -> Classifier | NgramClassifier:
    """The trained model over the whole vocabulary."""
    classifier = assemble(
        recipe["regime"],
        recipe["config"],
        parcel,
        prepared.pretrained,
        prepared.vocabulary,
        prepared.corpus.labels,
        recipe["precision"],
    )
    if isinstance(classifier, Classifier):
        classifier.max_tokens = recipe["max_tokens"]
    return classifier
