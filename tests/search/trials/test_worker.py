"""What a worker reports of a run."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import ray
from ray import tune

import trainables
from search.trials import job, worker
from search.worker_reports import RUN_FAILED, RUN_FINISHED
from trainables.parts.data.tokens import Data
from trainables.parts.model.pretrained import Pretrained


@pytest.mark.parametrize("failing", ["the model of all sentences", "the test"])
def test_a_report_run_without_a_model_fails_and_one_without_a_test_keeps_its_score(
    failing: str, data: Data, pretrained: Pretrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[dict[str, Any]] = []
    monkeypatch.setattr(ray, "get", lambda value: value)
    monkeypatch.setattr(tune, "report", reports.append)

    def fails(*_: Any) -> Any:
        raise RuntimeError("odd")

    if failing == "the test":
        monkeypatch.setattr(worker, "test", fails)
    else:
        monkeypatch.setattr(job, "refit", fails)
        train = data.train.select(np.arange(0, len(data.train), 4))
        data = replace(data, train=train, validation=train, folds=2)
    config = trainables.load("baseline").Config().to_dict()
    whole = job.Job("baseline", data, pretrained, 1, "fp32", "cpu", 1)
    worker.trial({"config": config, "seed": 0, "job": whole, "test_inputs": ()})
    epoch, last = reports
    if failing == "the test":
        predictions = last[RUN_FINISHED]
        assert np.mean(predictions.correct) == pytest.approx(epoch["validation_accuracy"])
        assert (predictions.untested, predictions.tested) == ("RuntimeError: odd", None)
    else:
        assert last[RUN_FAILED] == "RuntimeError: odd" and RUN_FINISHED not in last
