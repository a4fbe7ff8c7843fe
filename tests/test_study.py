"""The study as the ledger: what is asked, what is recorded, what may not be run twice."""

import random
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

import trainables
from search import results
from search import study as studies
from search.searcher import FAILED, FINISHED, Ledger
from search.spec import SearchSpec


def spec(folder: Path, **values: Any) -> SearchSpec:
    made = SearchSpec(
        **{
            "regime": "llrd",
            "data": "embedded",
            "model": "minilm",
            "name": "s",
            "results": str(folder),
            "epochs": 9,
            "trials": 30,
            **values,
        }
    )
    made.folder.mkdir(parents=True, exist_ok=True)
    return made


def epoch(number: int, accuracy: float, best: float | None = None) -> dict[str, Any]:
    losses = {"train_loss": 1.0, "train_accuracy": None, "validation_loss": 1.0}
    scores = {"validation_accuracy": accuracy, "best_accuracy": accuracy if best is None else best}
    return {"epoch": number, "stage": "fine-tune", **losses, **scores, "learning_rate": 1e-4, "steps": 3, "seconds": 0.1}


@pytest.mark.parametrize("name", trainables.names())
def test_trial_0_is_the_papers_configuration(name: str, tmp_path: Path) -> None:
    made = spec(tmp_path, regime=name)
    trial = studies.ask(studies.open_study(made), made)
    assert trial is not None and trial.number == 0
    assert trial.user_attrs[studies.CONFIG] == trainables.load(name).Config().to_dict()


def test_fixed_values_stand_in_every_trial_and_are_never_suggested(tmp_path: Path) -> None:
    made = spec(tmp_path, fix={"dropout": 0.3, "optimizer": "sgd"}, sampler="random")
    study = studies.open_study(made)
    for _ in range(12):
        trial = studies.ask(study, made)
        assert trial is not None
        assert (trial.user_attrs[studies.CONFIG]["dropout"], trial.user_attrs[studies.CONFIG]["optimizer"]) == (0.3, "sgd")
        assert "dropout" not in trial.params and "momentum" in trial.params


@pytest.mark.parametrize("sampler", ["tpe", "gp", "cmaes", "random"])
def test_every_sampler_proposes_after_results(sampler: str, tmp_path: Path) -> None:
    made = spec(tmp_path, sampler=sampler, scheduler="none", regime="supcon")
    study = studies.open_study(made)
    ledger = Ledger(study, made)
    for number in range(14):
        assert ledger.ask(f"r{number}") is not None
        ledger.report(f"r{number}", epoch(1, number / 20))
        ledger.report(f"r{number}", {FINISHED: True})
    assert [trial.state for trial in studies.trials(study)] == [TrialState.COMPLETE] * 14


def test_a_configuration_is_not_run_twice_and_an_exhausted_space_ends_the_search(tmp_path: Path) -> None:
    """Only the schedule is left to search: three configurations, whatever the sampler repeats."""
    fixed = {name: value for name, value in trainables.load("llrd").Config().to_dict().items() if name != "schedule"}
    made = spec(tmp_path, fix=fixed)
    study = studies.open_study(made)
    ledger = Ledger(study, made)
    asked = 0
    while ledger.ask(f"r{asked}") is not None:
        ledger.report(f"r{asked}", epoch(1, 0.5))
        ledger.report(f"r{asked}", {FINISHED: True})
        asked += 1
    assert asked == 3 and ledger.exhausted
    assert {trial.user_attrs[studies.CONFIG]["schedule"] for trial in studies.trials(study)} == {"constant", "linear", "cosine"}


def test_states_are_honest(tmp_path: Path) -> None:
    made = spec(tmp_path, grace=1)
    study = studies.open_study(made)
    ledger = Ledger(study, made)
    for ray_id in "abcdef":
        ledger.ask(ray_id)
    assert ledger.report("a", epoch(1, 0.1))  # the paper's configuration goes on, however bad
    for number, ray_id in enumerate("bc"):
        assert ledger.report(ray_id, epoch(1, 0.8 + 0.1 * number))
    assert not ledger.report("d", epoch(1, 0.05))
    ledger.report("e", {FAILED: "FloatingPointError: the loss became nan in epoch 1"})
    ledger.gone("f", died=True)
    ledger.report("a", epoch(2, 0.7))
    ledger.report("a", epoch(3, 0.6, best=0.7))
    ledger.report("a", {FINISHED: True})
    found = studies.trials(study)
    assert [trial.state.name for trial in found] == ["COMPLETE", "RUNNING", "RUNNING", "PRUNED", "FAIL", "FAIL"]
    assert found[0].value == 0.7
    assert "nan" in found[4].user_attrs[studies.REASON] and "worker died" in found[5].user_attrs[studies.REASON]


def test_every_epoch_is_in_the_journal_before_the_answer(tmp_path: Path) -> None:
    """A second reader of the file sees the epoch as soon as the report returns."""
    made = spec(tmp_path)
    study = studies.open_study(made)
    ledger = Ledger(study, made)
    ledger.ask("a")
    for number in range(1, 4):
        ledger.report("a", epoch(number, number / 10))
        (trial,) = studies.trials(studies.read_study(made.folder))
        assert studies.epochs(trial)[-1] == epoch(number, number / 10)


def test_asha_stops_what_a_slow_reading_of_it_stops(tmp_path: Path) -> None:
    """Oracle: at rung r a trial goes on if it is in the best third of those that reached r so far, or the best while they are under 3."""
    made = spec(tmp_path, sampler="random", grace=1)
    ledger = Ledger(studies.open_study(made), made)
    draw = random.Random(0)
    seen: dict[int, list[float]] = {1: [], 3: []}
    stopped = []
    for number in range(25):
        ledger.ask(str(number))
        for step in range(1, 10):
            accuracy = round(draw.random(), 6)
            expected = True
            if step in seen:
                seen[step].append(accuracy)
                rank = sorted(seen[step], reverse=True).index(accuracy)
                expected = rank < max(1, len(seen[step]) // 3)
            goes_on = ledger.report(str(number), epoch(step, accuracy))
            assert goes_on == (expected or number == 0)
            if not goes_on:
                stopped.append(number)
                break
    assert 10 < len(stopped) < 25


def test_what_was_interrupted_is_asked_again_and_finished_trials_stand(tmp_path: Path) -> None:
    made = spec(tmp_path, scheduler="none")
    ledger = Ledger(studies.open_study(made), made)
    for ray_id in "abc":
        ledger.ask(ray_id)
    for ray_id in "ac":
        ledger.report(ray_id, epoch(1, 0.5))
    ledger.report("c", {FINISHED: True})
    study = studies.open_study(made)  # as another process would, after the first one died
    studies.interrupt(study)
    lost = [trial.user_attrs[studies.CONFIG] for trial in study.get_trials() if studies.INTERRUPTED in trial.user_attrs]
    again = Ledger(study, made)
    # The third point that was queued at the start comes first, then what was interrupted.
    configs = [trial.user_attrs[studies.CONFIG] for trial in (again.ask(ray_id) for ray_id in "xyz") if trial]
    assert all(config in configs for config in lost)
    assert len(lost) == 2 and lost[0] == trainables.load("llrd").Config().to_dict()
    for ray_id in "xyz":
        if ray_id in again.open:
            again.report(ray_id, epoch(1, 0.4))
            again.report(ray_id, {FINISHED: True})
    paper = studies.paper_trial(study)
    assert paper is not None and paper.user_attrs[studies.CONFIG] == lost[0] and paper.state == TrialState.COMPLETE


def test_tables_are_rebuilt_from_the_journal_alone(tmp_path: Path) -> None:
    made = spec(tmp_path, scheduler="none")
    study = studies.open_study(made)
    ledger = Ledger(study, made)
    for number, accuracy in enumerate((0.2, 0.9, 0.4)):
        ledger.ask(str(number))
        ledger.report(str(number), epoch(1, accuracy))
        ledger.report(str(number), {FINISHED: True})
    facts = {"comparable": False, "why_not": "x", "test_size": None, "validation_size": 5, "encoder_is_papers": False}
    first = results.write_results(study, made, facts)
    before = {path.name: path.read_text() for path in made.folder.glob("*.csv")}
    for path in made.folder.glob("*.csv"):
        path.unlink()
    assert results.write_results(studies.read_study(made.folder), made, facts) == first
    assert {path.name: path.read_text() for path in made.folder.glob("*.csv")} == before
    assert (first["best_trial"], first["best_validation"], first["paper_config_validation"]) == (1, 0.9, 0.2)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "best.yaml"
    results.write(target, "old")
    with pytest.raises(UnicodeEncodeError):
        results.write(target, "new \ud800")
    assert target.read_text() == "old"


def test_a_sampler_that_repeats_itself_still_covers_a_small_space(tmp_path: Path) -> None:
    """54 configurations, and a sampler drawn to one of them: all are run before the space is called exhausted."""
    free = ("schedule", "head_width", "batch_size")
    fixed = {name: value for name, value in trainables.load("llrd").Config().to_dict().items() if name not in free}
    made = spec(tmp_path, fix=fixed)
    ledger = Ledger(studies.open_study(made), made)
    asked = 0
    while (trial := ledger.ask(str(asked))) is not None:
        accuracy = 0.9 if trial.user_attrs[studies.CONFIG]["schedule"] == "linear" else 0.1
        ledger.report(str(asked), epoch(1, accuracy))
        if str(asked) in ledger.open:
            ledger.report(str(asked), {FINISHED: True})
        asked += 1
    assert asked == 54


@pytest.mark.parametrize(("scheduler", "first"), [("asha", 3), ("hyperband", 3), ("median", 3)])
def test_no_trial_is_stopped_before_its_grace(scheduler: str, first: int, tmp_path: Path) -> None:
    made = spec(tmp_path, scheduler=scheduler, grace=first, sampler="random")
    ledger = Ledger(studies.open_study(made), made)
    stopped = []
    for number in range(12):
        ledger.ask(str(number))
        for step in range(1, 10):
            if not ledger.report(str(number), epoch(step, 0.9 - number / 20)):
                stopped.append(step)
                break
        else:
            ledger.report(str(number), {FINISHED: True})
    assert stopped and min(stopped) == first


def test_a_trial_that_was_being_asked_when_the_driver_died_keeps_the_papers_values(tmp_path: Path) -> None:
    made = spec(tmp_path)
    study = studies.open_study(made)
    study.ask().suggest_float("dropout", 0.0, 0.9, step=0.05)  # and no further
    study = studies.open_study(made)
    studies.interrupt(study)
    ledger = Ledger(study, made)
    configs = [trial.user_attrs[studies.CONFIG] for trial in (ledger.ask(ray_id) for ray_id in "abc") if trial]
    assert trainables.load("llrd").Config().to_dict() in configs
