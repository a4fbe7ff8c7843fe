"""A search whose stages end early, killed and resumed; its report and final training stop alike."""

import json
from pathlib import Path
from typing import Any

import pytest

from search import export
from search.outputs.tables import last_contrastive_loss
from search.spec import SearchSpec
from search.study import records
from search.study import study as studies
from search.study.study import epochs_trained
from search.study.winner_records import reported_runs
from tests import tiny
from tests.commands.test_resilience import RunningSearch, outcome
from tests.processes import Inputs, run

EPOCHS = 6
FLAGS = [
    *["--regime", "supcon", "--trials", "3", "--epochs", str(EPOCHS), "--sampler", "random"],
    *["--max-concurrent", "1", "--scheduler", "none", "--confirm", "1x1", "--report-seeds", "1"],
    *["--fix", "early_stopping_patience=1", "classifier=gradient", f"head_epochs={EPOCHS}"],
]


def of_stage(run: list[dict[str, Any]], stage: str) -> list[int]:
    """The numbers of a run's epochs in a stage."""
    return [epoch["epoch"] for epoch in run if epoch["stage"] == stage]


@pytest.mark.soak
def test_trials_that_end_early_complete_and_repeat_exactly(inputs: Inputs, temporary: Path) -> None:
    results = ["--results", str(inputs.results)]
    done = run("search.run", "--name", "whole", *FLAGS, *inputs.sources)
    assert done.returncode == 0, done.stderr
    whole = inputs.results / "whole"
    study, spec = studies.read_study(whole), SearchSpec.read(whole)

    trials = studies.trials(study)
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 3
    first = [of_stage(records.epochs(trial), "contrastive") for trial in trials]
    second = [of_stage(records.epochs(trial), "classifier") for trial in trials]
    assert any(len(numbers) < EPOCHS for numbers in first)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in first)
    assert all(numbers[0] == EPOCHS + 1 for numbers in second)
    assert epochs_trained(study, EPOCHS) == sum(map(len, first))
    (reported,) = reported_runs(study).values()
    loss = last_contrastive_loss([reported], spec)
    last = of_stage(reported, "contrastive")[-1]
    assert loss is not None and loss.mean == reported[last - 1]["train_loss"]

    folder = inputs.results / "killed"
    search = RunningSearch(["--name", folder.name, *FLAGS, *inputs.sources], folder, temporary)
    search.wait_for_epochs(2).process.kill()
    search.process.communicate()
    RunningSearch(["--resume", folder.name, *results], folder, temporary).wait(0)
    assert outcome(folder) == outcome(whole)

    best, out = inputs.results / "best.yaml", inputs.results / "model"
    assert export.main(["whole", "--floor", "none", *results, "--out", str(best)]) == 0
    done = run("search.train", str(best), "--seeds", "1", "--out", str(out), *results)
    assert done.returncode == 0, done.stderr
    (trained,) = json.loads((out / "scores.json").read_text())["curves"].values()
    assert tiny.curve(trained) == tiny.curve(reported)
