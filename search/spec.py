"""What the user asked for, checked once."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Self, get_type_hints
from urllib.parse import urlsplit

import spaces
import trainables
from search import seeds as seed_uses
from trainables.parts.config import checked
from trainables.parts.quote import quoted, reason

Sampler = Literal["tpe", "gp", "cmaes", "random"]
Scheduler = Literal["asha", "hyperband", "median", "none"]
PrecisionChoice = Literal["auto", "fp32", "bf16"]
LEAST = 0.001
"""Of a core, that a trial may take."""
SAME = (
    "regime",
    "data",
    "model",
    "text_column",
    "label_column",
    "epochs",
    "seed",
    "name",
    "fix",
    "precision",
    "max_tokens",
    "cpus_per_trial",
    "scheduler",
    "grace",
    "reduction_factor",
)
"""Fields that stay as they are when a search goes on, or old and new trials would not compare, nor
the rungs that they are pruned at."""
PLACES = ("address", "tracking_uri", "results")
"""Fields that say where a search runs and is recorded, not what it is."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True, kw_only=True)
class SearchSpec:
    """One search.

    Every field is checked when it is made; a wrong one is a ValueError of one line.
    """

    regime: str
    """A file in `trainables/`."""
    trials: int = 50
    """Configurations to try."""
    data: str
    """A SOURCE, see `trainables.parts.data.corpus`."""
    model: str
    """A hub name, a local folder, or `minilm`."""
    text_column: str | None = None
    """The column that holds the text; None: found by name."""
    label_column: str | None = None
    """The column that holds the label; None: found by name."""
    epochs: int = 0
    """Budget of a trial; 0: the regime's own."""
    seed: int = 0
    """Of every trial of the search and of the sampler."""
    name: str | None = None
    """Of the folder under `results`; None: made from regime and data."""
    sampler: Sampler = "tpe"
    """What proposes configurations."""
    scheduler: Scheduler = "asha"
    """What stops the hopeless."""
    grace: int | None = None
    """Epochs before a trial may be stopped; None: a third of the budget, and at least 2."""
    reduction_factor: int = 3
    """One in this many goes on from each rung of asha and hyperband."""
    gpus_per_trial: float | None = None
    """Share of a GPU; None: measured."""
    cpus_per_trial: float = 1.0
    """Cores a trial, and its threads."""
    max_concurrent: int | None = None
    """Trials at a time; None: as many as fit."""
    time_budget: float | None = None
    """Seconds after which no trial goes on; None: no limit."""
    trial_timeout: float | None = None
    """Seconds that one trial may take before it is ended as failed, as one that hangs has to be;
    None: no limit."""
    address: str | None = None
    """Of a Ray cluster; None: one is started on this machine."""
    confirm_top: int = 3
    """How many of the best are run again; 0: none."""
    confirm_seeds: int = 2
    """Seeds for each of them: with the search's score, what the winner is chosen by."""
    report_seeds: int = 3
    """Seeds on which the winner is trained for what is reported, and tested: they choose
    nothing."""
    fix: dict[str, Any] = field(default_factory=dict)
    """Hyperparameters that are not searched, and their values."""
    precision: PrecisionChoice = "auto"
    """Of matrix products; auto: bf16 where the hardware multiplies it."""
    max_tokens: int = 64
    """Longer texts are cut."""
    tracking_uri: str | None = None
    """Of MLflow; None: an sqlite file in `results`."""
    results: str = "results"
    """Where searches keep their folders."""

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self)).items():
            object.__setattr__(self, name, checked(name, getattr(self, name), kind))
        _require(
            self.regime in trainables.names(),
            "regime",
            f"one of {', '.join(trainables.names())}",
            self.regime,
        )
        regime = trainables.load(self.regime)
        spaces.load(self.regime)
        if self.epochs == 0:
            object.__setattr__(self, "epochs", regime.EPOCHS)
        object.__setattr__(
            self, "epochs", min(self.epochs, getattr(regime, "MAX_EPOCHS", self.epochs))
        )
        for name in ("trials", "epochs", "cpus_per_trial"):
            _require(getattr(self, name) > 0, name, "above 0", getattr(self, name))
        _require(
            self.cpus_per_trial >= LEAST, "cpus_per_trial", f"at least {LEAST}", self.cpus_per_trial
        )
        for name in ("grace", "max_concurrent", "time_budget", "trial_timeout"):
            _require(
                getattr(self, name) is None or getattr(self, name) > 0,
                name,
                "above 0",
                getattr(self, name),
            )
        _require(
            self.reduction_factor >= 2, "reduction_factor", "at least 2", self.reduction_factor
        )
        _require(self.max_tokens >= 3, "max_tokens", "at least 3", self.max_tokens)
        results_folder(self.results)
        if _password(self.tracking_uri):
            raise ValueError(
                "tracking_uri has no password in it: name it in MLFLOW_TRACKING_USERNAME and"
                " MLFLOW_TRACKING_PASSWORD"
            )
        _require(0 <= self.seed < 2**31, "seed", "from 0 to 2147483647", self.seed)
        _require(
            self.gpus_per_trial is None or self.gpus_per_trial >= 0,
            "gpus_per_trial",
            "auto or at least 0",
            self.gpus_per_trial,
        )
        share = self.gpus_per_trial or 0
        _require(
            share <= 1 or share == int(share),
            "gpus_per_trial",
            "a share up to 1 or a whole number",
            share,
        )
        _require(
            self.confirm_top >= 0 and self.confirm_seeds > 0,
            "confirm",
            "top x seeds, both at least 1",
            f"{self.confirm_top}x{self.confirm_seeds}",
        )
        _require(
            self.confirm_seeds <= seed_uses.MOST,
            "confirm_seeds",
            f"up to {seed_uses.MOST}",
            self.confirm_seeds,
        )
        most = seed_uses.MOST_REPORTED
        _require(1 <= self.report_seeds <= most, "report_seeds", f"1 to {most}", self.report_seeds)
        if self.name is not None:
            valid_name(self.name)
        regime.Config.from_dict(self.fix)

    @property
    def grace_epochs(self) -> int:
        """Epochs before a trial may be stopped: where ranks were measured to hold till the end
        (`analysis.rungs`, LOG.md)."""
        return min(
            self.epochs, self.grace if self.grace is not None else max(2, round(self.epochs / 3))
        )

    @property
    def folder(self) -> Path:
        """The search's own folder, absolute: workers stand elsewhere."""
        assert self.name is not None
        return Path(self.results).expanduser().resolve() / self.name

    @property
    def results_flag(self) -> str:
        """What a command about this search has to say of where it lies, for a shell; nothing where
        that is the default."""
        return "" if self.results == "results" else f" --results {shlex.quote(self.results)}"

    @property
    def is_taken(self) -> bool:
        """The folder holds something.

        A hidden file is what a search leaves that was killed before its first word.
        """
        if not self.folder.is_dir():
            return self.folder.exists()
        return any(not path.name.startswith(".") for path in self.folder.iterdir())

    def named(self) -> Self:
        """This spec with a name: its own, or the first free one made of regime and data.

        Raises ValueError where it is taken.
        """
        if self.name is not None:
            if self.is_taken:
                onward = f"--resume {self.name}{self.results_flag}"
                raise ValueError(
                    f"'{self.folder}' exists already; choose another --name, or go on with it:"
                    f" {onward}"
                )
            return self
        slug = (
            re.sub(
                r"[^A-Za-z0-9]+", "-", Path(self.data).stem if "/" in self.data else self.data
            ).strip("-")[:40]
            or "data"
        )
        for number in range(1, 10**6):
            candidate = replace(self, name=f"{self.regime}-{slug}-{number}")
            if not candidate.is_taken:
                return candidate
        raise ValueError(f"no free name for a search in '{self.results}'")

    def to_json(self) -> str:
        """Text that `from_json` reads back."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The spec of the search in `folder`.

        Raises ValueError where it holds none, OSError where it cannot be read.
        """
        try:
            return cls.from_json((folder / "spec.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            where = quoted(str(folder.parent))
            raise ValueError(
                f"no search {quoted(folder.name)} in {where}: it has no spec.json"
            ) from None
        except (IsADirectoryError, ValueError) as error:
            raise ValueError(
                f"no search can be read in {quoted(str(folder))}: {reason(error)}"
            ) from error
        except OSError as error:
            raise OSError(
                f"the search in {quoted(str(folder))} cannot be read: {reason(error)}"
            ) from error

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote. Raises ValueError for anything else."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"spec.json is damaged: {reason(error)}") from error
        if not isinstance(values, dict):
            raise ValueError(f"spec.json is damaged: it holds no object; got {quoted(values)}")
        try:
            return cls.from_dict(values)
        except ValueError as error:
            raise ValueError(f"spec.json is damaged: {error}") from error

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from names and values. Raises ValueError for a name that is not a field."""
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(
                f"unknown field {quoted(min(unknown))} of a search; choose one of:"
                f" {', '.join(f.name for f in fields(cls))}"
            )
        missing = {
            field.name
            for field in fields(cls)
            if field.default is MISSING and field.default_factory is MISSING
        } - set(values)
        if missing:
            raise ValueError(f"a search has a {min(missing)}; none is given")
        return cls(**values)


def _password(uri: str | None) -> str | None:
    try:
        return urlsplit(uri or "").password
    except ValueError as error:
        raise ValueError(
            f"tracking_uri is an address; got {quoted(uri)}: {reason(error)}"
        ) from error


def results_folder(results: str) -> Path:
    """Where searches keep their folders, absolute; it need not be there yet.

    Raises ValueError for what cannot be a folder.
    """
    try:
        path = Path(results).expanduser().resolve()
        fits = bool(results) and (path.is_dir() or not path.exists())
    except (
        OSError,
        RuntimeError,
        ValueError,
    ) as error:  # a name that no file system takes, or the home of nobody
        raise ValueError(f"results is a folder; got {quoted(results)}: {reason(error)}") from error
    _require(fits, "results", "a folder", results)
    return path


def folder_of(results: str, name: str) -> Path:
    """Where the search of that name lies.

    Raises ValueError for what is no name, as a path that leads elsewhere.
    """
    return results_folder(results) / valid_name(name)


def valid_name(name: str) -> str:
    """A search's name as it is. Raises ValueError for what is none."""
    _require(
        NAME.fullmatch(name) is not None,
        "name",
        "letters, digits, '.', '_' and '-', up to 80",
        name,
    )
    return name


def _require(holds: bool, name: str, rule: str, value: Any) -> None:
    if not holds:
        raise ValueError(f"{name} is {rule}; got {quoted(value)}")
