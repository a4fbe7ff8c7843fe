"""The outcome of one search: what its summary.json holds, and a row of the comparison."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.metric import (
    Metric,
    best_validation_field,
    choice_field,
    confirmed_field,
    test_field,
    validation_field,
)
from analysis.read.earlier import translate_summary
from analysis.read.files import record
from analysis.text import epochs_of


@dataclass(frozen=True)
class TestRun:
    """One of the winner's runs on fresh seeds, evaluated on the test split."""

    __test__ = False  # pytest would collect a class of this name

    test_accuracy: float
    """Correct / total, as a fraction."""
    test_loss: float
    """Mean cross-entropy, in nats."""
    test_loss_paper: float
    """The loss in the paper's definition: see the footnote `loss` in `analysis.paper`."""
    seed: int | None = None
    """The run's seed; None where it is not recorded."""
    test_macro_f1: float | None = None
    """Mean F1 of the labels, as a fraction; None in results of earlier versions."""


@dataclass(frozen=True)
class ContrastiveLoss:
    """The training loss of the contrastive stage's last epoch, averaged over the reported runs."""

    sum: float
    """Summed over the mini-batches of the epoch."""
    mean: float
    """Averaged over the mini-batches of the epoch."""


@dataclass(frozen=True)
class Floor:
    """A classifier that takes seconds: what a recipe has to beat. Scores are fractions."""

    regime: str
    """Its regime."""
    chosen: str
    """What cross-validation on train chose, as `--fix` takes it; empty where nothing is chosen."""
    validation_accuracy: float
    """Of its only run."""
    validation_loss: float | None
    """Mean cross-entropy, in nats."""
    seconds: float
    """Time in its worker, the choice included; on a CPU also that of encoding for it."""
    test_accuracy: float | None = None
    """On the test split, once the winner is tested; None before that, and without the split."""
    test_loss: float | None = None
    """Mean cross-entropy on the test split, in nats."""
    test_loss_paper: float | None = None
    """As for a `TestRun`."""
    test_macro_f1: float | None = None
    """As for a `TestRun`."""
    validation_macro_f1: float | None = None
    """Of its only run. Earlier versions did not summarise it."""

    def validation_score(self, metric: Metric) -> float:
        """Its score on validation; 0 where an earlier version did not record this metric."""
        score: float | None = getattr(self, validation_field(metric))
        return 0.0 if score is None else score

    def test_score(self, metric: Metric) -> float | None:
        """Its score on the test split; None until that is known."""
        score: float | None = getattr(self, test_field(metric))
        return score

    @property
    def name(self) -> str:
        """Its regime with what was chosen."""
        return f"{self.regime} ({self.chosen})" if self.chosen else self.regime


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One search's outcome. Scores are fractions, times seconds, losses nats.

    Where fields come in pairs, such as `best_validation_accuracy` and `best_validation_macro_f1`,
    both are of the same runs and epochs, which the search's metric chose. Earlier versions had the
    accuracies only. `best_score` and the other properties ending so are those of the metric.
    """

    name: str
    """The search's name."""
    regime: str
    """The regime that was searched."""
    data: str
    """The data set, as the user named it."""
    model: str
    """The encoder, as the user named it."""
    data_fingerprint: str | None = None
    """A hash of the data's content; None in summaries of earlier versions."""
    model_fingerprint: str | None = None
    """A hash of the encoder's content, likewise."""
    encoder_is_papers: bool | None
    """Whether the encoder is the paper's; None while the search is running."""
    comparable: bool
    """Whether the results can be compared with the paper's."""
    why_not: str | None
    """Why they can't be compared; None where they can."""
    epochs: int
    """Full budget of a trial's first stage, in epochs."""
    epoch_size: int | None = None
    """Training sentences in an epoch; None: all of them, as in earlier versions."""
    folds: int | None = None
    """Parts of cross-validation on train; None: validation is a split of its own."""
    metric: Metric = "accuracy"
    """What trials are ranked, pruned and chosen by."""
    states: Mapping[str, int]
    """Number of trials in each state: COMPLETE, PRUNED, FAIL."""
    seconds: float
    """Time during which the search ran."""
    paper_config_validation_accuracy: float | None
    """Validation accuracy of trial 0, which has the regime's defaults; None unless COMPLETE."""
    paper_config_validation_macro_f1: float | None = None
    """Its macro-F1."""
    best_trial: int | None
    """The trial with the highest score in the search; None if none completed."""
    best_validation_accuracy: float | None
    """The best trial's validation accuracy in the search."""
    best_validation_macro_f1: float | None = None
    """Its macro-F1."""
    winner_trial: int | None
    """The trial chosen among the best by the choice runs; None without such runs."""
    equal_trials: tuple[int, ...] = ()
    """Trials that are equal to the winner for practical purposes, where the choice ended so; none
    in earlier versions."""
    choice_accuracy: float | None = None
    """The winner's mean validation accuracy over the search and the choice runs; None without such
    runs."""
    choice_macro_f1: float | None = None
    """Its mean macro-F1 over the same runs."""
    choice_runs: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    """Validation accuracies of the choice runs, by the number of their trial. Summaries of earlier
    versions have none."""
    choice_runs_macro_f1: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    """Their macro-F1."""
    confirmed_accuracy: tuple[float, ...]
    """The winner's validation accuracy on each report seed."""
    confirmed_macro_f1: tuple[float, ...] = ()
    """Its macro-F1."""
    confirmed_seeds: tuple[int, ...] = ()
    """The report seeds, in the order of `confirmed_accuracy`."""
    confirmed_runs_chose: bool = True
    """Whether the reported runs also chose the winner. Summaries of earlier versions, in which they
    did, do not have this field."""
    confirmed_failed: int = 0
    """Number of the winner's runs on report seeds that failed."""
    test: tuple[TestRun, ...]
    """The winner's runs on report seeds, on the test split; empty without a test split."""
    batch_size: int | None
    """The winner's batch size."""
    test_size: int | None
    """Sentences in the test split; None without one."""
    validation_size: int | None = None
    """Sentences in the validation split; None where it is not recorded."""
    macro_f1_sentences: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """By split, of how many sentences with equally frequent labels macro-F1 would vary as much."""
    last_contrastive_loss: ContrastiveLoss | None
    """None for regimes without a contrastive stage."""
    floors: tuple[Floor, ...] = ()
    """The floors on the same data and model. Earlier versions had none."""
    rows: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """Sentences of each split. Earlier versions did not record them."""
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Python and the packages that numbers depend on, as the search last ran."""
    commit: str | None = None
    """The git commit of the code; None outside a repository."""
    machine: str | None = None
    """The hardware of the search as it last ran. Earlier versions did not record it."""
    ending: str | None = None
    """Why no more trials were run, such as `DONE` or `TIME`. Earlier versions did not record it."""

    @classmethod
    def from_dict(cls, content: Any, path: Path | str = "summary") -> "Summary":
        """Read what a search or an earlier version wrote as summary.json.

        `path` names the content in error messages. Raises ValueError where a field is missing or of
        the wrong type.
        """
        return record(path, translate_summary(content), cls)

    def to_dict(self) -> dict[str, Any]:
        """What summary.json holds; `from_dict` reads it back."""
        return dataclasses.asdict(self)

    @property
    def selected_on_reported_runs(self) -> bool:
        """Whether the reported runs also chose the winner, which makes their mean optimistic."""
        return bool(self.confirmed_scores) and self.confirmed_runs_chose

    @property
    def same_on_every_seed(self) -> bool:
        """Whether the regime leaves nothing to chance, as far as the winner's runs show: they have
        one test loss, or without a test split at least three runs have one score."""
        if len(self.test) > 1:
            return len({run.test_loss for run in self.test}) == 1
        chose = self.choice_run_scores.get(str(self.winner_trial), ())
        runs = (*chose, *self.confirmed_scores)
        return len(runs) > 2 and len(set(runs)) == 1

    @property
    def budget(self) -> str:
        """What a trial trains at most, in words."""
        return epochs_of(self.epochs, self.epoch_size)

    @property
    def trial_0_score(self) -> float | None:
        """The score of trial 0."""
        score: float | None = getattr(self, f"paper_config_{validation_field(self.metric)}")
        return score

    @property
    def best_score(self) -> float | None:
        """The best trial's score in the search."""
        score: float | None = getattr(self, best_validation_field(self.metric))
        return score

    @property
    def choice_run_scores(self) -> Mapping[str, tuple[float, ...]]:
        """The scores of the choice runs, by the number of their trial."""
        return self.choice_runs if self.metric == "accuracy" else self.choice_runs_macro_f1

    @property
    def confirmed_scores(self) -> tuple[float, ...]:
        """The winner's score on validation on each report seed."""
        scores: tuple[float, ...] = getattr(self, confirmed_field(self.metric))
        return scores

    @property
    def choice_score(self) -> float | None:
        """What the winner was chosen by; None without choice runs."""
        score: float | None = getattr(self, choice_field(self.metric))
        return score

    @property
    def selection_score(self) -> float:
        """The score by which searches are compared with each other and with their floors.

        It is the one that chose the winner, else the best of the search; never a reported one, of
        which the maximum would be biased upwards. 0 where no trial completed.
        """
        return self.best_score or 0.0 if self.choice_score is None else self.choice_score

    @property
    def trial_count(self) -> int:
        """Trials that have ended."""
        return sum(count for state, count in self.states.items() if state != "RUNNING")

    @property
    def trials_to_keep(self) -> int | None:
        """The number of trials, where a time budget ended them: a process that continues the search
        for other reasons would get the budget anew, and run more. None elsewhere."""
        return self.trial_count if self.ending == "TIME" else None

    @property
    def best_floor(self) -> Floor | None:
        """The floor with the highest score on validation; on ties the first, which is cheaper."""
        by = self.metric
        return max(self.floors, key=lambda floor: floor.validation_score(by), default=None)

    @property
    def floor_score(self) -> float | None:
        """The best floor's score on validation; None without floors."""
        floor = self.best_floor
        return None if floor is None else floor.validation_score(self.metric)

    @property
    def floor_wins(self) -> bool:
        """Whether the search found nothing better than its best floor."""
        return self.floor_score is not None and self.selection_score <= self.floor_score

    @property
    def winner(self) -> int | None:
        """The winner; where none was chosen, the best trial of the search so far."""
        return self.best_trial if self.winner_trial is None else self.winner_trial

    @property
    def test_scores(self) -> tuple[float, ...]:
        """The score on the test split of each reported run; empty where one lacks it."""
        scores = [getattr(run, test_field(self.metric)) for run in self.test]
        return () if None in scores else tuple(scores)
