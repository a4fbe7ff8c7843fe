"""What happens to the best trial's score when a hyperparameter moves a little.

Read from the search's own trials through a Gaussian process over places in the ranges
(scikit-learn's, with a length scale for each parameter), which also says how little it knows.
"""

import warnings
from typing import Any

import numpy as np
import pandas
from scipy.special import stdtrit

from analysis.read.space import Choices, Space

MIN_ROBUSTNESS_TRIALS = 8
"""Completed trials from which on the surface is fitted."""
MAX_FITTED_TRIALS = 300
"""Of more, those nearest to the winner count."""
STEP_FRACTION = 0.1
"""How far a parameter moves, as a fraction of its range."""
ABSENT_PLACE = 0.5
"""The place of a parameter in a trial that did not have it."""
LEVEL_POINTS = 0.01
"""A change within one percentage point leaves the score level."""
CONFIDENCE = 0.975
"""The upper end of a 95 % interval. Its t has half as many degrees of freedom as trials: the
process takes its own scales for known, and with few trials they are not."""
COLUMNS = ["parameter", "value", "down", "down_half_width", "up", "up_half_width", "verdict"]
"""`down` and `up`: the expected change of score, NaN at the end of the range, with half widths
of 95 % intervals."""


def robustness(placed: pandas.DataFrame, space: Space, best: int | None) -> pandas.DataFrame:
    """A row per number among the best trial's parameters; empty for too few completed trials.

    `verdict`: `sensitive` (a step either way costs more than a point, surely), `falls` (one way
    does), `level` (a step costs less than a point, surely), `may rise`, else `not known`.
    """
    complete = placed[(placed["state"] == "COMPLETE") & placed["final_stage_score"].notna()]
    own = complete[complete["number"] == best].set_index("parameter")
    names = [str(name) for name in own.index]
    moved = [name for name in names if not isinstance(space[name], Choices)]
    if complete["number"].nunique() < MIN_ROBUSTNESS_TRIALS or not moved:
        return pandas.DataFrame(columns=COLUMNS)
    x, y, at = _inputs(complete, space, names, best)
    first = _first_columns(space, names)
    steps = [(name, way) for name in moved for way in (-1.0, 1.0)]
    points = np.tile(at, (1 + len(steps), 1))
    for row, (name, way) in enumerate(steps, 1):
        points[row, first[name]] += way * STEP_FRACTION
    # What a step changes is decided near the winner, and time grows with the cube of the number.
    nearest = np.argsort(((x - at) ** 2).sum(axis=1), kind="stable")[:MAX_FITTED_TRIALS]
    change, half = _changes(x[nearest], y[nearest], points)
    rows = []
    for number, name in enumerate(moved):
        ends: list[float] = []
        for side in (2 * number, 2 * number + 1):
            inside = -1e-9 <= points[side + 1, first[name]] <= 1 + 1e-9
            ends += [change[side], half[side]] if inside else [np.nan, np.nan]
        rows.append((name, own.loc[name, "value"], *ends, _verdict(*ends)))
    return pandas.DataFrame(rows, columns=COLUMNS)


def _inputs(
    complete: pandas.DataFrame, space: Space, names: list[str], best: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places of all trials, their scores, and the best trial's place.

    A list of choices takes a column a choice, a half apart, so that two of them are as far as the
    ends of a range from its middle. What is far below the best counts as equally bad: a surface
    that also describes trials that failed to learn says nothing of the good ones.
    """
    places = complete.pivot(index="number", columns="parameter", values="place")
    values = complete.pivot(index="number", columns="parameter", values="value")
    columns = []
    for name in names:
        kind = space[name]
        if isinstance(kind, Choices):
            columns += [(values[name] == choice).astype(float) / 2 for choice in kind.values]
        else:
            columns.append(places[name].fillna(ABSENT_PLACE))
    x = np.column_stack(columns)
    score = complete.drop_duplicates("number").set_index("number")["final_stage_score"]
    y = score.reindex(places.index).to_numpy(dtype=float)
    y = np.maximum(y, y.max() - 3 * max(0.005, y.max() - np.quantile(y, 0.75)))
    return x, y, x[list(places.index).index(best)]


def _first_columns(space: Space, names: list[str]) -> dict[str, int]:
    """Where each parameter's columns begin."""
    starts, column = {}, 0
    for name in names:
        starts[name] = column
        kind = space[name]
        column += len(kind.values) if isinstance(kind, Choices) else 1
    return starts


def _changes(x: np.ndarray, y: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The expected change from the first point to each other, and its half width."""
    # scikit-learn takes most of a second to import.
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    scales = np.full(x.shape[1], 1.0)
    kernel: Any = ConstantKernel(1.0, (1.0, 20.0)) * Matern(scales, (0.2, 3.0), nu=2.5)
    kernel = kernel + WhiteKernel(0.1, (1e-3, 1.0))
    process = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # A scale at its bound is no concern.
        process.fit(x, y)
    mean, covariance = process.predict(points, return_cov=True)
    noise = process.kernel_.k2.noise_level * float(np.var(y))
    variance = np.diag(covariance)
    spread = variance[0] + variance[1:] - 2 * covariance[0, 1:] - 2 * noise
    t = float(stdtrit(len(y) / 2, CONFIDENCE))
    return mean[1:] - mean[0], t * np.sqrt(np.maximum(spread, 0.0))


def _verdict(down: float, down_half: float, up: float, up_half: float) -> str:
    ways = [(down, down_half), (up, up_half)]
    ways = [(change, half) for change, half in ways if change == change]
    falls = [change + half < -LEVEL_POINTS for change, half in ways]
    if falls and all(falls):
        return "sensitive"
    if any(falls):
        return "falls"
    if any(change - half > 0 for change, half in ways):
        return "may rise"
    if ways and all(abs(change) + half < LEVEL_POINTS for change, half in ways):
        return "level"
    return "not known"
