"""python -m search.export: the winner of a search, or its best, as YAML that says everything that is needed to train it again."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.trial import FrozenTrial

import trainables
from search import study as studies
from search.parser import Parser
from search.results import CONDITIONS, CONFIRMED, WINNER, tested, write
from search.spec import SearchSpec
from search.versions import commit, versions

KEYS = ("regime", "config", "epochs", "data", "model", "max_tokens", "precision", "threads", "device")


def export(folder: Path, top: int = 1) -> str:
    """The winner (the best by validation where nothing was confirmed), and the next `top` - 1, as a stream of YAML documents.

    Raises ValueError where the folder holds no search, or the search no trial that came to its end.
    """
    path = folder / "spec.json"
    if not path.is_file():
        raise ValueError(f"no search in '{folder}': it has no spec.json")
    spec = SearchSpec.from_json(path.read_text(encoding="utf-8"))
    study = studies.read_study(folder)
    winner = study.user_attrs.get(WINNER)
    ranking = sorted(studies.ranking(study), key=lambda trial: trial.number != winner)
    if not ranking:
        raise ValueError(f"no trial of '{spec.name}' came to its end: there is nothing to export")
    documents = [_document(study, spec, trial, rank) for rank, trial in enumerate(ranking[:top], 1)]
    return "---\n".join(yaml.safe_dump(document, sort_keys=False, allow_unicode=True) for document in documents)


def _document(study: optuna.Study, spec: SearchSpec, trial: FrozenTrial, rank: int) -> dict[str, Any]:
    runs = study.user_attrs.get(CONFIRMED, {}).get(str(trial.number), {})
    scores: dict[str, Any] = {"search_validation_accuracy": trial.value}
    if runs:
        scores["confirmed_validation_accuracy"] = {int(seed): epochs[-1]["best_accuracy"] for seed, epochs in sorted(runs.items())}
    if trial.number == study.user_attrs.get(WINNER) and tested(study):
        scores["test"] = {int(seed): dict(found) for seed, found in tested(study).items()}
    conditions = study.user_attrs[CONDITIONS]
    return {
        "search": spec.name,
        "rank": rank,
        "trial": trial.number,
        "regime": spec.regime,
        "config": json.loads(json.dumps(trial.user_attrs[studies.CONFIG])),
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
        "scores": scores,
        "versions": versions(),
        "commit": commit(),
    }


def read_export(path: Path) -> dict[str, Any]:
    """The first configuration of a file that search.export wrote. Raises ValueError with one line where it is not one."""
    try:
        document = next(iter(yaml.safe_load_all(path.read_text(encoding="utf-8"))), None)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"'{path}' cannot be read as YAML: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(document, dict):
        raise ValueError(f"'{path}' is not a file that search.export wrote: it holds no mapping")
    missing = [key for key in KEYS if key not in document]
    if missing:
        raise ValueError(f"'{path}' is not a file that search.export wrote: it has no '{missing[0]}'")
    for key, kind in {
        "config": dict,
        "data": dict,
        "model": dict,
        "epochs": int,
        "max_tokens": int,
        "threads": int,
    }.items():
        if not isinstance(document[key], kind):
            raise ValueError(f"'{path}': {key} is a {kind.__name__}; got {document[key]!r}")
    for key in ("data", "model"):
        if not isinstance(document[key].get("source"), str):
            raise ValueError(f"'{path}': {key} has no source")
    if document["precision"] not in ("fp32", "bf16"):
        raise ValueError(f"'{path}': precision is one of fp32, bf16; got {document['precision']!r}")
    if document["epochs"] < 1:
        raise ValueError(f"'{path}': epochs is above 0; got {document['epochs']}")
    trainables.load(str(document["regime"])).Config.from_dict(document["config"])
    return document


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = Parser(prog="python -m search.export", description=__doc__)
    parser.add_argument("name", metavar="NAME", help="of the search")
    parser.add_argument("--top", type=int, default=1, metavar="N", help="how many configurations, the best first (default: 1)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write (default: standard output)")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="where searches are (default: results)")
    args = parser.parse_args(argv)
    try:
        if args.top < 1:
            raise ValueError(f"--top is at least 1; got {args.top}")
        text = export(args.results / args.name, args.top)
        if args.out is None:
            sys.stdout.write(text)
        else:
            write(args.out, text)
            print(f"wrote {args.out}")
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
