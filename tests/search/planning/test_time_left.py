"""The forecast of the time left, on searches whose rest is known by hand."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.planning.draws import SecondsRange
from search.planning.estimate import Measurement, StageTime
from search.planning.queue import EPOCH_PASSES, FROZEN_PASSES, LEARNED_DEVIATION, Queue
from search.planning.smoothing import SmoothedRange
from search.planning.speed import Guess, Speed, repeats
from search.planning.time_left import END_SECONDS, RunsLeft, TimeLeft
from search.spec import SearchSpec
from search.study import records
from search.study.patience import MIN_PATIENCE_TRIALS
from search.worker_reports import ENDED_AT, STARTED_AT
from tests import specs

NOW = 1_700_000_000.0
SURE = Guess(10.0, 0.0)


def spec(**values: Any) -> SearchSpec:
    return specs.spec(**{"regime": "llrd", "epochs": 10, "report_seeds": 3, **values})


def trial(
    number: int,
    epochs: int,
    seconds: float = 10.0,
    state: TrialState = TrialState.COMPLETE,
    began: float | None = None,
) -> FrozenTrial:
    """A trial whose epochs took so many seconds each; a running one has just ended its last."""
    began = NOW - epochs * seconds if began is None else began
    times = {
        f"{records.EPOCH_PREFIX}{at}": {
            "epoch": at,
            "seconds": seconds,
            STARTED_AT: began,
            ENDED_AT: began + at * seconds,
        }
        for at in range(1, epochs + 1)
    }
    made = create_trial(
        state=state,
        value=0.5 if state == TrialState.COMPLETE else None,
        user_attrs={records.CONFIG.name: {}, **times},
    )
    made.number, made.datetime_start = number, datetime.fromtimestamp(began)
    return made


def ended_early(number: int, state: TrialState = TrialState.COMPLETE) -> FrozenTrial:
    """A trial of ten epochs whose first stage ended with the fourth, and two of the next stage."""
    made = trial(number, 12, state=state, began=NOW - 60)
    started = NOW - 60
    for place, at in enumerate((1, 2, 3, 4, 11, 12), 1):
        epoch = made.user_attrs[f"{records.EPOCH_PREFIX}{at}"]
        epoch.update({STARTED_AT: started, ENDED_AT: started + 10 * place})
    for at in range(5, 11):
        del made.user_attrs[f"{records.EPOCH_PREFIX}{at}"]
    return made


def test_a_stage_that_ended_early_has_the_epochs_that_it_trained() -> None:
    speed = Speed(10)
    observed = speed.of(ended_early(0))
    assert (observed.epochs, observed.seconds, observed.rest) == (4, 10.0, 20.0)
    assert speed.full_run(ended_early(0)) == 60


def test_a_trial_in_its_second_stage_has_no_epochs_of_its_first_left() -> None:
    """Trial 1 has trained as long as trial 0 took."""
    trials = [ended_early(0), ended_early(1, TrialState.RUNNING)]
    left = forecast(trials=2, scheduler="none", confirm_top=0).of_trials(trials, NOW)
    assert left is not None and left.high < 10


def test_trials_to_come_are_as_long_as_those_that_completed() -> None:
    """Two more, side by side, on as many slots; at the full budget they would take 120 s."""
    trials = [ended_early(0), ended_early(1)]
    left = forecast(trials=4, scheduler="none", confirm_top=0).of_trials(trials, NOW)
    assert left is not None and left.middle == pytest.approx(60, rel=0.15)


def forecast(**values: Any) -> TimeLeft:
    """Of a search that has no other ends than its trials and runs."""
    return TimeLeft(spec(**values), slots=2, end=0.0)


def test_nothing_is_known_before_an_epoch_without_a_guess() -> None:
    assert forecast().of_trials([], NOW) is None
    guessed = TimeLeft(spec(), 2, SURE).of_trials([], NOW)
    assert guessed is not None and 0 < guessed.low < guessed.middle < guessed.high


def test_trials_run_side_by_side_and_the_choice_and_report_runs_follow() -> None:
    """Ten trials of 100 s on two slots, two of them done: 400 s. Then 3 x 2 runs and 3: 500 s."""
    done = [trial(0, 10), trial(1, 10)]
    only = forecast(trials=10, scheduler="none", confirm_top=0).of_trials(done, NOW)
    assert only is not None and only.middle == pytest.approx(400, rel=0.25)
    both = forecast(trials=10, scheduler="none", confirm_top=3, confirm_seeds=2)
    whole = both.of_trials(done, NOW)
    assert whole is not None and whole.middle - only.middle == pytest.approx(500, rel=0.15)
    assert whole.low < 900 < whole.high


def test_two_equal_calls_give_the_same_range() -> None:
    done = [trial(0, 10), trial(1, 4, state=TrialState.RUNNING)]
    assert forecast().of_trials(done, NOW) == forecast().of_trials(done, NOW)


def test_a_running_trial_ends_at_its_own_speed() -> None:
    """It is the last one, has four epochs of 20 s left, and half of the first of them is over."""
    done = [trial(0, 10), trial(1, 6, 20.0, TrialState.RUNNING)]
    seconds = forecast(trials=2, scheduler="none", confirm_top=0).of_trials(done, NOW + 10)
    assert seconds is not None and seconds.middle == pytest.approx(70, rel=0.15)


def test_an_interrupted_trial_repeats_its_epochs_first() -> None:
    going = trial(1, 6, 20.0, TrialState.RUNNING)
    assert not repeats(going, records.epochs(going))
    going.datetime_start = datetime.fromtimestamp(NOW)
    assert repeats(going, records.epochs(going))
    asked = forecast(trials=2, scheduler="none", confirm_top=0)
    seconds = asked.of_trials([trial(0, 10), going], NOW)
    assert seconds is not None and seconds.middle == pytest.approx(200, rel=0.15)


def test_pruning_counts_as_often_as_it_was_seen() -> None:
    """Half of the trials, nearly all and nearly none."""

    def left(states: Sequence[TrialState]) -> float:
        lengths = {TrialState.PRUNED: 3, TrialState.COMPLETE: 10}
        done = [trial(number, lengths[state], state=state) for number, state in enumerate(states)]
        seconds = forecast(trials=100, confirm_top=0, grace=3).of_trials(done, NOW)
        assert seconds is not None
        return seconds.middle

    pruned, complete = [TrialState.PRUNED], [TrialState.COMPLETE]
    most, half, few = (left(kind * 20) for kind in (pruned, pruned + complete, complete))
    assert left([*pruned, *complete] * 20) > 30 * 30  # 60 trials, two at a time, 30 s at least
    assert most < 0.7 * few and left(pruned * 40) < left(complete * 40)
    assert half > 0


def test_patience_may_end_the_trials_from_its_minimum_on() -> None:
    """Of 100 trials of 100 s, two at a time: ten more at least where ten are done, 90 at most."""
    asked = forecast(trials=100, scheduler="none", confirm_top=0, patience="auto")
    done = [trial(number, 10) for number in range(MIN_PATIENCE_TRIALS + 10)]
    early, late = asked.of_trials(done[: MIN_PATIENCE_TRIALS - 10], NOW), asked.of_trials(done, NOW)
    assert early is not None and early.low == pytest.approx(500, rel=0.2)
    assert 2500 < early.high < 4500 * 1.2
    assert late is not None and late.low < 200 < late.middle < late.high < 3500 * 1.2


def test_the_time_budget_ends_the_trials() -> None:
    seconds = forecast(trials=100, confirm_top=0).of_trials([trial(0, 10)], NOW, budget=50.0)
    assert seconds is not None and seconds.high == 50.0


def test_full_runs_take_as_long_as_their_trial() -> None:
    """Two runs of 100 s began 40 s ago, a third one waits: 160 s."""
    done = [trial(0, 10), trial(1, 10, 30.0)]
    runs = RunsLeft([40.0, 40.0, 0.0], choosing=False, trial=0)
    report = forecast().of_full_runs(runs, done, NOW)
    assert report is not None and report.middle == pytest.approx(160, rel=0.1)
    choice = forecast().of_full_runs(RunsLeft([40.0], True, 4), done, NOW)
    assert choice is not None and choice.middle > report.middle


def test_what_is_measured_on_a_few_sentences_is_a_guess() -> None:
    """1 s of set-up and 10 epochs of 4.9 s are 5 s an epoch; the second stage takes two such."""
    trial_0 = Measurement(1.0, (StageTime(10, 4.9, 4.9), StageTime(5, 2.0, 2.0)), 0, 256)
    guess = Guess.measured(trial_0, 10)
    assert (guess.epoch, guess.rest) == (pytest.approx(5), pytest.approx(2))


def test_what_is_shown_counts_down_and_is_replaced_where_it_is_wrong() -> None:
    smoothed = SmoothedRange()
    assert smoothed.update(SecondsRange(80, 100, 120), 0.0) == SecondsRange(80, 100, 120)
    shown = smoothed.update(SecondsRange(90, 110, 130), 1.0)
    assert shown is not None and 99 < shown.middle < 100  # it would be 110 now
    assert smoothed.update(SecondsRange(200, 250, 300), 2.0) == SecondsRange(200, 250, 300)


def test_a_queue_learns_from_the_regimes_before() -> None:
    specs = [spec(regime=regime, trials=4) for regime in ("llrd", "baseline", "untuned")]
    queue = Queue(specs, 2, lambda: 2.0)
    first = queue.time_left(specs[0])
    assert queue.position == "1 of 3"
    assert first.guess is not None and first.guess.epoch == 2 * EPOCH_PASSES
    left = SecondsRange(1.0, 2.0, 3.0)
    before = queue.until_all_end(left)
    seconds = first.of_trials([trial(number, 10, 100.0) for number in range(4)], NOW)
    assert seconds is not None and first.speed.mean == 100
    queue.learn(first)
    second = queue.time_left(specs[1])
    assert queue.position == "2 of 3"
    assert second.guess is not None and second.guess.epoch == pytest.approx(100)
    assert second.guess.deviation == LEARNED_DEVIATION
    after = queue.until_all_end(left)
    assert before is not None and after is not None and before.low < before.high
    guesses = [Queue(specs, 2, lambda: 2.0, 0.25).time_left(each).guess for each in specs]
    assert [guess and guess.epoch for guess in guesses] == [
        *[0.25 * 2.0 * EPOCH_PASSES] * 2,
        2.0 * FROZEN_PASSES,
    ]
    unknown = Queue(specs, 2, lambda: None)
    assert unknown.until_all_end(left) is None and unknown.time_left(specs[0]).guess is None
    assert Queue(specs[:1], 2, lambda: None).position == ""


def test_the_ends_of_earlier_searches_replace_the_constant() -> None:
    queue = Queue([spec(), spec()], 2, lambda: None)
    assert queue.time_left(spec()).end == END_SECONDS
    for seconds in (1.0, 2.0):
        queue.learn_end(seconds)
    assert queue.time_left(spec()).end == 1.5
