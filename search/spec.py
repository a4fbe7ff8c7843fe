"""SearchSpec: what the user asked for, validated once. Its fields are the flags of `search.run`."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_type_hints
from urllib.parse import urlsplit

import spaces
import trainables
from analysis.metric import Metric
from analysis.text import data_name
from search.flag import (
    OnResume,
    count_or_auto,
    flag,
    flag_of,
    float_or_auto,
    int_or_auto,
    positive_int,
    seconds,
)
from search.folders import SPEC_FILE, is_taken, require, require_free, results_folder, valid_name
from search.race import MAX_CANDIDATES
from search.seeds import MAX_CHOICE_SEEDS, MAX_REPORT_SEEDS
from trainables.parts.config import Count, Fraction, Range, checked
from trainables.parts.data.reading import Reading, reading_from
from trainables.parts.quote import error_text, quoted

Sampler = Literal["tpe", "gp", "cmaes", "random"]
Scheduler = Literal["asha", "hyperband", "median", "recent", "rush", "none"]
PrecisionChoice = Literal["auto", "fp32", "bf16"]
MIN_CPUS_PER_TRIAL = 0.001
MAX_FOLDS = 20


@dataclass(frozen=True, kw_only=True)
class SearchSpec:
    """One search. Raises ValueError with one line where a field is invalid.

    Each field becomes a flag of `search.run`: its docstring is the help, its type gives the
    choices, and `flag(...)` says the rest.
    """

    regime: str = flag(on_resume="fixed", hidden=True)
    """The training regime to search."""
    trials: Count = flag(50, metavar="N")
    """Number of configurations to try."""
    metric: Metric = flag("accuracy", on_resume="fixed")
    """The validation score to search by: it picks each run's best epoch, prunes trials and chooses
    the winner. macro_f1: the mean F1 of the labels, in which rare labels count as much as
    frequent ones."""
    data: str = flag(
        on_resume="fixed",
        metavar="SOURCE",
        unset="massive if the hub or its cache has it, else embedded",
    )
    """The data set: massive[:LOCALE], embedded, hub:OWNER/NAME[:CONFIG], a folder with
    train/validation/test as .jsonl, .csv, .tsv or .parquet, or a single such file."""
    text_column: str | None = flag(
        None, on_resume="fixed", metavar="NAME", unset="detected by its name"
    )
    """The column that holds the text."""
    label_column: str | None = flag(
        None, on_resume="fixed", metavar="NAME", unset="detected by its name"
    )
    """The column that holds the label."""
    oos_label: str | None = flag(None, on_resume="fixed", metavar="NAME", unset="none")
    """A label whose rows are out of scope: they have no intent. No model is trained, chosen or
    tested on them; search.train uses them to measure how well its model refuses such texts."""
    limit: int | None = flag(
        None, on_resume="fixed", metavar="N", unset="all rows", parse=positive_int
    )
    """Use N rows of train and the same fraction of validation and test, for a first try. The rows
    are drawn at random, stratified by label."""
    shots: Count | None = flag(None, on_resume="fixed", metavar="N", unset="all rows")
    """Draw a few-shot task: N training rows of each label. All of validation and test is kept."""
    shots_seed: int = flag(0, on_resume="fixed", metavar="S")
    """Random seed for drawing the rows of --shots."""
    folds: Annotated[int, Range(2, MAX_FOLDS)] | None = flag(
        None, on_resume="fixed", metavar="K", unset="a validation split", parse=positive_int
    )
    """Validate by cross-validation on train with K folds: for data too small for a validation
    split. A trial trains K models side by side, and each training row is classified by the model
    that was not trained on it. The rows of a validation split are added to train; with --shots
    they are unused. One more model, trained on all rows, is tested and kept."""
    model: str = flag(
        on_resume="fixed",
        metavar="SOURCE",
        unset="bert-base-uncased if the hub or its cache has it, else minilm",
    )
    """The pretrained encoder: a hub name, a local folder, or minilm (the packaged MiniLM)."""
    epochs: int = flag(
        0, on_resume="fixed", metavar="N", unset="the regime's own", parse=positive_int
    )
    """Training budget of a trial, in epochs."""
    epoch_size: Count | None = flag(
        None, on_resume="fixed", metavar="N", unset="all training sentences"
    )
    """Training sentences per epoch, if not all; the next epoch continues where the last one
    stopped. --epochs and --grace count these epochs. With large data, trials can then be scored
    and pruned before they have seen all of it."""
    seed: int = flag(0, on_resume="fixed", metavar="N")
    """Random seed of the sampler and of every trial."""
    name: str | None = flag(None, on_resume="fixed", unset="derived from regime and data")
    """Name of the search, and of its folder under --results."""
    sampler: Sampler = flag("tpe")
    """How configurations are proposed."""
    scheduler: Scheduler = flag("asha", on_resume="fixed")
    """How weak trials are pruned; none: not at all; recent: like asha, but compared only with the
    last trials; rush: like asha, but a trial must also be as good as the search's first ones."""
    grace: Count | None = flag(
        None,
        on_resume="fixed",
        metavar="N",
        unset="1 in supcon, simclr and simclr_crop, else a third of the budget, at least 2",
    )
    """Epochs before a trial may be pruned."""
    reduction_factor: Annotated[int, Range(2)] = flag(3, on_resume="fixed", metavar="N")
    """One trial in N continues from each rung of asha, hyperband, recent and rush."""
    gpus_per_trial: Fraction | None = flag(
        None, metavar="auto|F", unset="auto", parse=float_or_auto
    )
    """Fraction of one GPU for each trial; auto: measured; 0: train on the CPU."""
    accelerator_type: str | None = flag(None, on_resume="fixed", metavar="TYPE", unset="any")
    """Type of the GPUs to train on, as Ray names it, such as T4 or A100. On another type, curves
    may differ."""
    cpus_per_trial: Annotated[float, Range(MIN_CPUS_PER_TRIAL)] = flag(
        1.0, on_resume="fixed", metavar="F"
    )
    """CPU cores, and threads, for each trial."""
    max_concurrent: Count | None = flag(None, metavar="N", unset="as many as fit")
    """Maximum number of trials that run at the same time. With --address, this many are submitted
    even if there are no resources for them yet, so that an autoscaler adds nodes."""
    time_budget: float | None = flag(None, metavar="2h", unset="no limit", parse=seconds)
    """Time after which no trial of a search is started or continued, such as 90s, 30m or 2h; with
    --regime auto, all searches share it. A resumed search gets the full time again. It does not
    include the choice and report runs."""
    trial_timeout: float | None = flag(None, metavar="30m", unset="no limit", parse=seconds)
    """Time after which a trial that still runs is stopped and counted as failed."""
    patience: Count | Literal["auto"] | None = flag(
        None,
        metavar="auto|N",
        unset="auto; with --trials or --regime auto, no early end",
        parse=count_or_auto,
    )
    """End the search after N trials in a row without a new best score; auto: when ten more trials
    are expected to raise the best score by less than 0.2 points, but not before 20 trials have
    finished."""
    stop_within: float | None = flag(None, metavar="25s", unset="no limit", parse=seconds)
    """Time within which the search ends after Ctrl-C or SIGTERM. Trials may use the first 40 % of
    it to finish their epoch."""
    address: str | None = flag(
        None, on_resume="place", metavar="ADDR", unset="RAY_ADDRESS, else a new local cluster"
    )
    """Address of a running Ray cluster."""
    runtime_env: str | None = flag(
        None, on_resume="place", metavar="FILE", unset="Regimen's code and settings"
    )
    """Ray runtime environment for the workers of the cluster, as YAML or JSON, in addition to
    Regimen's code and settings."""
    confirm_top: int = flag(MAX_CANDIDATES, hidden=True)
    """How many of the best configurations are run again; 0: none."""
    confirm_seeds: Count | None = flag(None, hidden=True)
    """Seeds on which each of them is run again. These scores, with the search's own, choose the
    winner. None: as many as it takes to find the best (`search.race`)."""
    indifference: Annotated[float, Range(0.0, 100.0)] = flag(0.2, metavar="POINTS")
    """Trials whose scores differ by less than this, standard error included, are treated as equal:
    with --confirm auto, they get no further seeds to separate them, and of equal ones a clearly
    cheaper one wins."""
    report_seeds: int | None = flag(None, metavar="auto|N", unset="auto", parse=int_or_auto)
    """Train and test the winner on N fresh seeds, on which nothing was chosen; these scores are the
    reported ones. auto: on 4, then on 2 more and another 2, until the 95 % interval of their mean
    is at most ± 1.5 points."""
    fix: dict[str, Any] = flag(default_factory=dict, on_resume="fixed", hidden=True)
    """Hyperparameters that keep the given value and are not searched."""
    warm_start: dict[str, Any] = flag(default_factory=dict, on_resume="fixed", hidden=True)
    """Hyperparameters that an earlier search of the same command found, tried after trial 0."""
    precision: PrecisionChoice = flag("auto", on_resume="fixed")
    """Precision of matrix products; auto: bf16 where the hardware supports it."""
    max_tokens: Annotated[int, Range(3)] = flag(64, on_resume="fixed", hidden=True)
    """Longer texts are truncated to this many tokens."""
    tracking_uri: str | None = flag(
        None,
        on_resume="place",
        metavar="URI",
        unset="MLFLOW_TRACKING_URI, else an SQLite file in --results",
    )
    """MLflow server or store."""
    results: str = flag("results", on_resume="place", metavar="DIR")
    """Folder that holds a folder for each search."""

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self), include_extras=True).items():
            object.__setattr__(self, name, checked(name, getattr(self, name), kind))
        regimes = trainables.names()
        require(self.regime in regimes, "regime", f"one of {', '.join(regimes)}", self.regime)
        regime = trainables.load(self.regime)
        spaces.load(self.regime)
        regime.Config.from_dict(self.fix)
        epochs = self.epochs or regime.EPOCHS
        object.__setattr__(self, "epochs", min(epochs, getattr(regime, "MAX_EPOCHS", epochs)))
        require(self.epochs > 0, "epochs", "at least 1", self.epochs)
        if self.grace is None:
            grace = getattr(regime, "GRACE", _third(self.epochs))
            object.__setattr__(self, "grace", grace)
        require(0 <= self.seed < 2**31, "seed", "from 0 to 2147483647", self.seed)
        require(self.shots_seed >= 0, "shots_seed", "at least 0", self.shots_seed)
        require(self.limit is None or self.limit > 0, "limit", "at least 1", self.limit)
        for name in ("time_budget", "trial_timeout", "stop_within"):
            value = getattr(self, name)
            require(value is None or value > 0, name, "above 0", value)
        if self.accelerator_type is not None and self.gpus_per_trial == 0:
            raise ValueError("accelerator_type needs a GPU; leave it out if gpus_per_trial is 0")
        if self.folds is not None:
            self._check_folds()
        self._check_reruns()
        self._check_places()

    def _check_folds(self) -> None:
        if self.epoch_size is not None:
            raise ValueError("folds and epoch_size cannot be combined: leave one out")
        if self.fix.get("early_stopping_patience") is not None:
            raise ValueError(
                "early_stopping_patience cannot be fixed with folds: all models of a trial train"
                " for its full budget and keep their last epoch"
            )

    def _check_reruns(self) -> None:
        require(self.confirm_top >= 0, "confirm_top", "at least 0", self.confirm_top)
        seeds = self.confirm_seeds or 1
        require(seeds <= MAX_CHOICE_SEEDS, "confirm_seeds", f"at most {MAX_CHOICE_SEEDS}", seeds)
        seeds = 1 if self.report_seeds is None else self.report_seeds
        rule = f"auto or from 1 to {MAX_REPORT_SEEDS}"
        require(1 <= seeds <= MAX_REPORT_SEEDS, "report_seeds", rule, seeds)

    def _check_places(self) -> None:
        results_folder(self.results)
        if self.name is not None:
            valid_name(self.name)
        if _password(self.tracking_uri):
            raise ValueError(
                "tracking_uri must not contain a password; set MLFLOW_TRACKING_USERNAME and"
                " MLFLOW_TRACKING_PASSWORD instead"
            )

    @property
    def grace_epochs(self) -> int:
        """Epochs before a trial may be pruned."""
        assert self.grace is not None
        return min(self.epochs, self.grace)

    @property
    def sentences_per_epoch(self) -> int | None:
        """Training sentences in an epoch; None: all, as always where the encoder is not trained."""
        frozen = hasattr(trainables.load(self.regime), "MAX_EPOCHS")
        return None if frozen else self.epoch_size

    @property
    def models_per_report_run(self) -> float:
        """Models that a report run trains, a trial's counted as 1: with folds one more, of all
        sentences, where each of the others has those of all folds but one."""
        return 1.0 if self.folds is None else self.folds / (self.folds - 1)

    @property
    def folder(self) -> Path:
        """The search's own folder, absolute because workers have another working directory."""
        assert self.name is not None
        return Path(self.results).expanduser().resolve() / self.name

    @property
    def results_flag(self) -> str:
        """The `--results` flag that a command about this search needs, quoted for a shell.

        Empty where the folder is the default one.
        """
        return "" if self.results == "results" else f" --results {shlex.quote(self.results)}"

    @property
    def is_taken(self) -> bool:
        """Whether the folder already holds something."""
        return is_taken(self.folder)

    def named(self) -> Self:
        """This spec with a name: its own, or the first free one derived from regime and data.

        Raises ValueError where its own is taken.
        """
        if self.name is not None:
            require_free(self.folder, self.results_flag)
            return self
        for number in range(1, 10**6):
            candidate = replace(self, name=f"{self.regime}-{self.short_data}-{number}")
            if not candidate.is_taken:
                return candidate
        raise ValueError(f"no free name for a search in '{self.results}'")

    @property
    def data_name(self) -> str:
        """The data set as tables name it: part of one is another."""
        return data_name(vars(self))

    @property
    def reading(self) -> Reading:
        """How the data is read."""
        return reading_from(asdict(self))

    @property
    def short_data(self) -> str:
        """The data set as a part of a search's name."""
        data = Path(self.data).stem if "/" in self.data else self.data
        data += "" if self.shots is None else f"-{self.shots}-shot"
        return re.sub(r"[^A-Za-z0-9]+", "-", data).strip("-")[:40] or "data"

    @classmethod
    def names(cls, on_resume: OnResume) -> tuple[str, ...]:
        """The fields that `--resume` treats in this way."""
        return tuple(field.name for field in fields(cls) if flag_of(field).on_resume == on_resume)

    def to_json(self) -> str:
        """JSON that `from_json` reads."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The spec of the search in `folder`.

        Raises ValueError where there is no valid one, OSError where the disk fails.
        """
        try:
            return cls.from_json((folder / SPEC_FILE).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            where = quoted(str(folder.parent))
            raise ValueError(
                f"no search {quoted(folder.name)} in {where}: it has no spec.json"
            ) from None
        except (IsADirectoryError, ValueError) as error:
            raise ValueError(
                f"no search can be read in {quoted(str(folder))}: {error_text(error)}"
            ) from error
        except OSError as error:
            raise OSError(
                f"the search in {quoted(str(folder))} cannot be read: {error_text(error)}"
            ) from error

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote. Raises ValueError for anything else."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"spec.json is damaged: {error_text(error)}") from error
        if not isinstance(values, dict):
            raise ValueError(f"spec.json is damaged: it must be an object; got {quoted(values)}")
        epochs = values.get("epochs")
        if values.get("grace") is None and isinstance(epochs, int):  # of an earlier version
            values["grace"] = _third(epochs)
        try:
            return cls.from_dict(values)
        except ValueError as error:
            raise ValueError(
                f"spec.json is damaged, or of another version of Regimen: {error}"
            ) from error

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from names and values. Raises ValueError for an unknown or a missing field."""
        names = [field.name for field in fields(cls)]
        unknown = set(values) - set(names)
        if unknown:
            raise ValueError(
                f"unknown field {quoted(min(unknown))} of a search; choose one of:"
                f" {', '.join(names)}"
            )
        required = {
            field.name
            for field in fields(cls)
            if field.default is MISSING and field.default_factory is MISSING
        }
        missing = required - set(values)
        if missing:
            raise ValueError(f"the field '{min(missing)}' of a search is missing")
        return cls(**values)


def _third(epochs: int) -> int:
    """The grace that a budget gives: where ranks hold until the end in fine-tuning (LOG.md)."""
    return max(2, (epochs + 1) // 3)


def _password(uri: str | None) -> str | None:
    try:
        return urlsplit(uri or "").password
    except ValueError as error:
        raise ValueError(
            f"tracking_uri must be a URI; got {quoted(uri)}: {error_text(error)}"
        ) from error
