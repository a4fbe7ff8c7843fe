"""Logistic regression on frozen vectors and its cross-validation, against scikit-learn's own."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trainables.parts.data.tokens import Features
from trainables.parts.model.pooling import Pooling
from trainables.parts.training import logistic
from trainables.parts.training.logistic import FOLDS, STRENGTHS, choose, stratified


def clusters(rows: int, noise: float, seed: int = 0) -> Features:
    """Vectors around one centre for each of four labels, of very different scales."""
    random = np.random.default_rng(seed)
    labels = np.arange(rows) % 4
    centres = random.normal(size=(4, 12))
    x = (centres[labels] + noise * random.normal(size=(rows, 12))) * np.logspace(-2, 2, 12) + 5
    return Features(torch.from_numpy(x), torch.from_numpy(labels))


@pytest.mark.parametrize("C", [0.003, 0.3])
def test_the_layer_has_the_probabilities_of_scikit_learns_pipeline(C: float) -> None:
    train, other = clusters(200, 1.0), clusters(50, 1.0, seed=1)
    weight, bias = logistic.logistic(train.vectors, train.targets, 4, C)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=200))
    pipeline.fit(train.vectors.numpy(), train.targets.numpy())
    logits = other.vectors @ torch.from_numpy(weight).T + torch.from_numpy(bias)
    expected = pipeline.predict_proba(other.vectors.numpy())
    np.testing.assert_allclose(logits.softmax(dim=1).numpy(), expected, atol=1e-8)


def test_a_component_that_hardly_varies_gets_no_large_weight() -> None:
    train = clusters(200, 1.0)
    noise = torch.randn(200, generator=torch.Generator().manual_seed(0))
    train.vectors[:, 2] = 1e-9 * noise
    weight, _ = logistic.logistic(train.vectors, train.targets, 4, 0.3)
    assert np.abs(weight[:, 2]).max() < np.abs(weight).max()


def test_the_choice_has_the_best_accuracy_of_a_plain_cross_validation() -> None:
    """As scikit-learn computes it, each fit from zero. Warm starts stop a little elsewhere."""
    encoded = {"cls": clusters(240, 4.0), "mean": clusters(240, 1.5)}
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    rows = stratified(encoded["cls"].targets.numpy(), logistic.MAX_CV_ROWS, 0)
    means = {
        (pooling, C): cross_val_score(
            make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=200)),
            features.vectors.numpy()[rows],
            features.targets.numpy()[rows],
            cv=folds,
        ).mean()
        for pooling, features in encoded.items()
        for C in STRENGTHS
    }
    chosen = choose(encoded, seed=0)  # type: ignore[arg-type]
    best = max(means.values())
    assert chosen["pooling"] == "mean"
    assert means[chosen["pooling"], chosen["C"]] >= best - 1 / 240  # type: ignore[index]


def test_with_rare_labels_the_choice_is_another_by_macro_f1() -> None:
    """The rows that cross-validation leaves out are predicted as scikit-learn does."""
    random = torch.Generator().manual_seed(4)
    labels = torch.tensor([0] * 40 + [1] * 6 + [2] * 6)
    centres = torch.randn(3, 20, generator=random)
    x = centres[labels] + 2 * torch.randn(len(labels), 20, generator=random)
    scores = {
        C: f1_score(
            labels,
            cross_val_predict(
                make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=200)),
                x.numpy(),
                labels.numpy(),
                cv=StratifiedKFold(FOLDS, shuffle=True, random_state=0),
            ),
            average="macro",
            zero_division=0,
        )
        for C in STRENGTHS
    }
    encoded: dict[Pooling, Features] = {"mean": Features(x, labels)}
    by_accuracy, by_macro_f1 = (choose(encoded, 0)["C"], choose(encoded, 0, "macro_f1")["C"])
    assert by_accuracy != by_macro_f1 == max(scores, key=lambda C: scores[C])


def test_nothing_is_chosen_where_no_label_has_two_rows() -> None:
    lonely = Features(torch.randn(4, 3), torch.arange(4))
    assert choose({"mean": lonely}, seed=0) == {}


def test_a_label_with_one_row_does_not_end_the_choice(recwarn: pytest.WarningsRecorder) -> None:
    features = clusters(41, 1.0)
    targets = features.targets.clone()
    targets[-1] = 4
    chosen = choose({"mean": Features(features.vectors, targets)}, seed=0)
    assert chosen["C"] in STRENGTHS and not recwarn.list


@pytest.mark.parametrize("most", [10, 100, 1000])
def test_a_stratified_part_has_each_label_as_often_as_the_whole(most: int) -> None:
    labels = np.repeat(np.arange(5), [400, 300, 200, 90, 10])
    np.random.default_rng(3).shuffle(labels)
    rows = stratified(labels, most, seed=0)
    assert len(set(rows.tolist())) == len(rows) == min(most, len(labels))
    expected = np.bincount(labels) * most / len(labels)
    assert (np.abs(np.bincount(labels[rows], minlength=5) - expected) <= 1).all()
    assert not np.array_equal(rows, stratified(labels, most, seed=1)) or most == 1000
