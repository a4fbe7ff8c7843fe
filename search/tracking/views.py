"""The leaderboards in MLflow's UI: views of its table of runs, saved as tags of the experiment.

MLflow's UI saves a view that is shared in a tag `mlflow.sharedViewState.KEY` and opens it by
`?viewStateShareKey=KEY`. It ignores columns that it does not know. Seen in MLflow 3.17: other
versions may show their own default table under the same address.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.metric import Metric, best_validation_field, confirmed_field, test_field
from search.study.records import IDENTITY
from search.tracking.result_tags import CONFIRMED, ERRS_MOST, NEXT, OVER_FLOOR

TAG = "mlflow.sharedViewState."
SEARCHES = "searches"
"""The key of the view that lists all searches."""
NAME, CREATED, DURATION = "attributes.`Run Name`", "runDateAndNestInfo", "duration"
DATASET, SOURCE = "attributes.`Dataset`", "attributes.`Source`"
REGIME, STATE, EPOCHS, MODEL, METRIC = (
    f"tags.`{name}`"
    for name in ("regimen.regime", "regimen.state", "regimen.epochs", "model", "regimen.metric")
)
LEARNING_RATE = "params.`learning_rate`"
ANSWER = {CONFIRMED: 170, OVER_FLOOR: 215, ERRS_MOST: 240, NEXT: 420}
"""The columns that say what a search found, with their widths in pixels."""
WIDTHS = {NAME: 240, CREATED: 107, STATE: 92, EPOCHS: 55, LEARNING_RATE: 70, DURATION: 68}
"""A window of 1,400 pixels has 700 for columns between MLflow's menu and its assistant, if the list
is long enough to scroll: with these it shows a search's list to the duration, and without the
assistant to what is over the floor; of all searches the confirmed score, and without the assistant
also what is confused most."""
SCORE_WIDTH = 73


def search_view(key: str, identity: str, metric: Metric) -> dict[str, str]:
    """A search, its trials, floors and final trainings, the best score first, as a tag.

    Not those of another search of its name, from another results folder; nor its choice and report
    runs, whose scores are not compared with those of trials.
    """
    kinds = [f"tags.`regimen.kind` != '{kind}'" for kind in ("choice", "report")]
    columns = [
        *(STATE, EPOCHS, LEARNING_RATE, DURATION),
        *(_tag(each) for each in ANSWER),
        *("params.`batch_size`", _metric(test_field(metric)), REGIME, CREATED, DATASET),
        *(MODEL, SOURCE),
    ]
    where = " and ".join([f"tags.`{IDENTITY}` = '{identity}'", *kinds])
    return _view(key, where, _metric(best_validation_field(metric)), columns)


def searches_view() -> dict[str, str]:
    """All searches as a tag, the highest score that chose a winner first, by its search's metric.

    Searches that have not ended come last.
    """
    columns = [
        *(_tag(each) for each in ANSWER),
        *(_metric(name("accuracy")) for name in (test_field, confirmed_field)),
        *(REGIME, METRIC),
        *(_metric(name("macro_f1")) for name in (confirmed_field, test_field)),
        *(STATE, "tags.`regimen.trials_ended`", DURATION, CREATED, DATASET, MODEL, SOURCE),
    ]
    return _view(SEARCHES, "tags.`regimen.kind` = 'search'", _metric("selection_score"), columns)


def search_key(name: str, identity: str) -> str:
    """The key of a search's view."""
    return f"search-{name}-{identity[:8]}"


def page(experiment: str, key: str) -> str:
    """The path of a view below the address of MLflow's UI."""
    return f"/#/experiments/{experiment}/runs?viewStateShareKey={key}"


def artifact(experiment: str, run: str, name: str) -> str:
    """A link to an artifact's preview in MLflow's UI, for texts that the UI shows."""
    return f"#/experiments/{experiment}/runs/{run}/artifacts/{name}"


def searches_page(search: str | None) -> str | None:
    """The path of the view of all searches, beside that of one of them."""
    return search and f"{search.rpartition('=')[0]}={SEARCHES}"


def _metric(name: str) -> str:
    return f"metrics.`{name}`"


def _tag(name: str) -> str:
    return f"tags.`{name}`"


def _view(key: str, where: str, score: str, others: Sequence[str]) -> dict[str, str]:
    columns = [score, *others]
    state: Mapping[str, Any] = {
        "searchFilter": where,
        "orderByKey": score,
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": [name for name in columns if name not in (CREATED, DURATION)],
        "columnOrder": [NAME, *columns],
        "columnWidths": {
            **{name: WIDTHS.get(name, 160) for name in (NAME, *columns)},
            **{_tag(name): width for name, width in ANSWER.items()},
            score: SCORE_WIDTH,
        },
    }
    return {f"{TAG}{key}": json.dumps(state)}
