"""python -m search.export: the winner of a search, or its best, as YAML that says everything that
is needed to train it again."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import optuna
import yaml
from optuna.trial import FrozenTrial

import trainables
from search.command import OK, Parser, at, ended
from search.outputs.provenance import commit, versions
from search.outputs.tables import write
from search.spec import SearchSpec, folder_of
from search.study import records
from search.study import study as studies
from search.study.winner import reported_runs, reported_runs_chose, test_scores
from trainables.parts.config import Count, Range, checked
from trainables.parts.model.encoder import Precision
from trainables.parts.quote import quoted, reason

KEYS = (
    "regime",
    "config",
    "epochs",
    "data",
    "model",
    "max_tokens",
    "precision",
    "threads",
    "device",
)
KINDS = {
    "config": dict,
    "data": dict,
    "data.source": str,
    "data.fingerprint": str | None,
    "data.text_column": str | None,
    "data.label_column": str | None,
    "model": dict,
    "model.source": str,
    "model.fingerprint": str | None,
    "epochs": Count,
    "threads": Annotated[int, Range(1, 4096)],
    "precision": Precision,
    "device": Literal["cpu", "cuda"],
    "search": str | None,
    "trial": int | None,
    "seed": int | None,
    "scores": dict | None,
    "scores.best_validation_accuracy": float | None,
}
"""What an export has to hold, a section before what is in it."""
LONGEST = 10**6
"""Bytes of an export; a configuration has some two thousand."""


def export(folder: Path, top: int = 1) -> str:
    """The winner (the best by validation where nothing was confirmed), and the next `top` - 1, as a
    stream of YAML documents.

    Raises ValueError where the folder holds no search, or the search no trial that came to its end.
    """
    spec = SearchSpec.read(folder)
    study = studies.read_study(folder)
    winner = records.WINNER.read(study)
    ranking = sorted(studies.ranking(study), key=lambda trial: trial.number != winner)
    if not ranking:
        raise ValueError(f"no trial of '{spec.name}' came to its end: there is nothing to export")
    documents = [_document(study, spec, trial, rank) for rank, trial in enumerate(ranking[:top], 1)]
    return "---\n".join(
        yaml.safe_dump(document, sort_keys=False, allow_unicode=True) for document in documents
    )


def _document(
    study: optuna.Study, spec: SearchSpec, trial: FrozenTrial, rank: int
) -> dict[str, Any]:
    conditions = records.CONDITIONS.read(study)
    if not conditions:
        raise ValueError(
            f"the journal of '{spec.name}' is damaged: it does not say on what data and model the"
            " trials ran"
        )
    return {
        "search": spec.name,
        "rank": rank,
        "trial": trial.number,
        "regime": spec.regime,
        "config": json.loads(json.dumps(records.CONFIG.read(trial))),
        "epochs": spec.epochs,
        "seed": spec.seed,
        "data": {
            "source": spec.data,
            "fingerprint": conditions["data"],
            "text_column": spec.text_column,
            "label_column": spec.label_column,
        },
        "model": {"source": spec.model, "fingerprint": conditions["model"]},
        "max_tokens": spec.max_tokens,
        "precision": conditions["precision"],
        "threads": conditions["threads"],
        "device": conditions["device"],
        "scores": _scores(study, trial),
        "versions": versions(),
        "commit": commit(),
    }


def _scores(study: optuna.Study, trial: FrozenTrial) -> dict[str, Any]:
    """A trial's accuracies: in the search, on the seeds that chose the winner, and for the winner
    on those that chose nothing."""
    runs = dict(sorted(records.CHOICE_RUNS.of(study, trial.number).items()))
    scores: dict[str, Any] = {"best_validation_accuracy": trial.value}
    if runs:
        scores["choice_accuracy"] = _best(runs)
    if trial.number != records.WINNER.read(study):
        return scores
    if not reported_runs_chose(study):
        scores["confirmed_accuracy"] = _best(reported_runs(study))
    if tests := test_scores(study):
        scores["test"] = {seed: dict(run) for seed, run in tests.items()}
    return scores


def _best(runs: dict[int, list[records.Record]]) -> dict[int, float]:
    return {seed: epochs[-1]["best_validation_accuracy"] for seed, epochs in runs.items()}


class _Loader(yaml.SafeLoader):
    """YAML as search.export writes it: plain values, and none that stands for another, which could
    multiply without end."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuse what is an alias."""
        if self.check_event(yaml.AliasEvent):
            raise ValueError("it has an alias")
        return super().compose_node(parent, index)


def read_export(path: Path) -> dict[str, Any]:
    """The first configuration of a file that search.export wrote.

    Raises ValueError with one line where it is not one, OSError where the machine cannot read it.
    """
    where = quoted(str(path))
    try:
        with at(path), path.open("rb") as file:
            text = file.read(LONGEST + 1).decode("utf-8")
    except ValueError as error:
        raise ValueError(f"{where} cannot be read: {reason(error)}") from error
    if len(text) > LONGEST:  # a device has no end
        raise ValueError(
            f"{where} is not a file that search.export wrote: it is longer than {LONGEST} bytes"
        )
    try:
        document = next(iter(yaml.load_all(text, _Loader)), None)
    except Exception as error:
        # besides its own errors, PyYAML lets through whatever a wrong value makes Python raise
        raise ValueError(f"{where} cannot be read as YAML: {reason(error)}") from error
    try:
        return _checked(document)
    except ValueError as error:
        raise ValueError(f"{where} is not a file that search.export wrote: {error}") from error


def _checked(document: Any) -> dict[str, Any]:
    """The document, if a training can be made of it and all of it recorded."""
    if not isinstance(document, dict):
        raise ValueError("it holds no mapping")
    missing = [key for key in KEYS if key not in document]
    if missing:
        raise ValueError(f"it has no '{missing[0]}'")
    try:
        json.dumps(document, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"it holds what JSON cannot: {reason(error)}") from error
    for name, kind in KINDS.items():
        section, _, key = name.partition(".")
        checked(
            name, (document.get(section) or {}).get(key) if key else document.get(section), kind
        )
    spec = SearchSpec(
        name=document.get("search"),
        regime=document["regime"],
        data=document["data"]["source"],
        model=document["model"]["source"],
        max_tokens=document["max_tokens"],
        epochs=document["epochs"],
        seed=document.get("seed") or 0,
        cpus_per_trial=document["threads"],
    )
    trainables.load(spec.regime).Config.from_dict(document["config"])
    return document


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = Parser(prog="python -m search.export", description=__doc__)
    parser.add_argument("name", metavar="NAME", help="of the search")
    parser.add_argument(
        "--top",
        type=int,
        default=1,
        metavar="N",
        help="how many configurations, the best first (default: 1)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="where to write (default: standard output)"
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="where searches are (default: results)",
    )
    args = parser.parse_args(argv)
    return ended(lambda: _follow(args))


def _follow(args: argparse.Namespace) -> int:
    if args.top < 1:
        raise ValueError(f"--top is at least 1; got {args.top}")
    text = export(folder_of(str(args.results), args.name), args.top)
    if args.out is None:
        sys.stdout.write(text)
    else:
        with at(args.out):
            write(args.out, text)
        print(f"wrote {args.out}")
    return OK


if __name__ == "__main__":
    raise SystemExit(main())
