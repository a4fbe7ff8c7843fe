"""One layer over all labels from scikit-learn's classifiers, which know only those in train."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from trainables.parts.training.linear import linear_layer

RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.normal(size=(60, 5))


@pytest.mark.parametrize("estimator", [LinearSVC(random_state=0), LogisticRegression()])
@pytest.mark.parametrize("labels", [3, 2])
def test_the_layer_decides_as_the_estimator(estimator: object, labels: int) -> None:
    y = np.arange(60) % labels
    weight, bias = linear_layer(estimator, FEATURES, y, labels)
    outputs = FEATURES @ weight.T + bias
    expected = estimator.decision_function(FEATURES)  # type: ignore[attr-defined]
    ours = outputs if labels > 2 else outputs[:, 1] - outputs[:, 0]
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)


def test_two_labels_have_the_probabilities_of_logistic_regression() -> None:
    y = (FEATURES[:, 0] > 0).astype(int)
    estimator = LogisticRegression()
    weight, bias = linear_layer(estimator, FEATURES, y, 2)
    outputs = np.exp(FEATURES @ weight.T + bias)
    expected = estimator.predict_proba(FEATURES)
    np.testing.assert_allclose(outputs / outputs.sum(axis=1, keepdims=True), expected, atol=1e-12)


@pytest.mark.parametrize("seen", [(0, 2, 4), (1, 3), (2,)])
def test_a_label_without_a_training_row_is_never_predicted(seen: tuple[int, ...]) -> None:
    y = np.asarray(seen)[np.arange(60) % len(seen)]
    weight, bias = linear_layer(LogisticRegression(), FEATURES, y, 5)
    outputs = FEATURES @ weight.T + bias
    assert weight.shape == (5, 5) and bias.shape == (5,) and np.isfinite(outputs).all()
    assert set(outputs.argmax(axis=1)) <= set(seen)
