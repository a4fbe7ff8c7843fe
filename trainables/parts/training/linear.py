"""scikit-learn's linear classifiers, as one linear layer over all labels."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:  # scikit-learn takes seconds to import, and few workers need it.
    from scipy.sparse import csr_matrix


def linear_layer(
    estimator: Any, features: "np.ndarray | csr_matrix", labels: np.ndarray, intents: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fit `estimator` to features (N, D) with labels (N,); its weight (K, D) and bias (K,).

    scikit-learn has one row of coefficients for two labels: here, the first label's is 0. A label
    without a training row has no evidence: its output is a constant below all others.
    """
    from sklearn.exceptions import ConvergenceWarning

    present = np.unique(labels)
    weight, bias = np.zeros((intents, features.shape[1])), np.zeros(intents)
    if len(present) > 1:
        # torch's threads, because sums in floating point depend on their number
        with threadpool_limits(torch.get_num_threads()), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            estimator.fit(features, labels)
        rows = present if len(present) > 2 else present[1:]
        weight[rows], bias[rows] = estimator.coef_, estimator.intercept_
    unseen = np.setdiff1d(np.arange(intents), present)
    if len(unseen):
        bias[unseen] = (features @ weight[present].T + bias[present]).min() - 1
    return weight, bias
