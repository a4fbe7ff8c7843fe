"""The search that Hugging Face's side of a comparison runs."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self


@dataclass(frozen=True, kw_only=True)
class HfSearch:
    """Arguments of the search; written as JSON for a process of its own."""

    data: str
    """A folder of train.jsonl and validation.jsonl."""
    model: str
    """A hub name, a local folder, or `minilm`."""
    events: str
    """Where it writes what happened; see `trials.of_events`."""
    labels: int
    epochs: int
    seed: int
    bf16: bool
    slots: int
    """Trials at a time."""
    threads: int
    """Of a trial."""
    fix: dict[str, Any]
    """Hyperparameters that are not searched, in Regimen's names."""
    rates: list[float] = field(default_factory=list)
    """Learning rates to train; empty to search a regime's space instead."""
    regime: str = "baseline"
    """The regime whose space is searched."""
    trials: int = 0
    """How many trials are searched."""
    points: bool = False
    """Whether the regime's `POINTS` are trained first."""
    backend: Literal["ray", "optuna"] = "ray"
    sampling: Literal["random", "group_by_length"] = "random"
    """How Trainer draws mini-batches."""
    reuse: bool = False
    """Whether Ray's actors are kept from trial to trial (Tune's `reuse_actors`, off by default)."""

    def to_json(self) -> str:
        """Text that `from_json` reads back."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))
