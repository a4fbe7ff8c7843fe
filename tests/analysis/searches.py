"""Results folders as searches write them, and a parser for the reports about them."""

import csv
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas
import pytest

from analysis import report
from analysis.read.correct import Bits, Correct
from analysis.read.summary import Summary

EPOCH_FIELDS = (
    "trial seed kind epoch stage train_loss train_accuracy validation_loss validation_accuracy"
    " validation_macro_f1 best_validation_accuracy learning_rate steps seconds"
)


def reported_bits(**bits: Bits) -> Correct:
    """Which sentences the two report runs of `summary` got right (2, N), by split."""
    runs = {
        ("report", 2, seed, split): row
        for split, rows in bits.items()
        for seed, row in enumerate(rows, 1000)
    }
    return Correct(runs, 2)


def summary(regime: str = "baseline", **changes: Any) -> dict[str, Any]:
    """A finished, comparable search's summary with two seeds."""
    return {
        "name": f"{regime}-1",
        "regime": regime,
        "data": "massive",
        "model": "bert-base-uncased",
        "data_fingerprint": None,
        "model_fingerprint": None,
        "encoder_is_papers": True,
        "comparable": True,
        "why_not": None,
        "epochs": 3,
        "epoch_size": None,
        "folds": None,
        "metric": "accuracy",
        "states": {"COMPLETE": 2, "PRUNED": 1, "FAIL": 1},
        "seconds": 90.0,
        "paper_config_validation_accuracy": 0.85,
        "paper_config_validation_macro_f1": 0.8,
        "best_trial": 2,
        "best_validation_accuracy": 0.9,
        "best_validation_macro_f1": 0.84,
        "winner_trial": 2,
        "equal_trials": [],
        "choice_accuracy": None,
        "choice_macro_f1": None,
        "choice_runs": {},
        "choice_runs_macro_f1": {},
        "confirmed_accuracy": [0.89, 0.91],
        "confirmed_macro_f1": [0.83, 0.86],
        "confirmed_seeds": [1000, 1001],
        "confirmed_runs_chose": False,
        "test": [
            {
                "seed": 1000,
                "test_accuracy": 0.88,
                "test_loss": 0.5,
                "test_loss_paper": 0.03,
                "test_macro_f1": 0.85,
            },
            {
                "seed": 1001,
                "test_accuracy": 0.90,
                "test_loss": 0.7,
                "test_loss_paper": 0.05,
                "test_macro_f1": 0.87,
            },
        ],
        "batch_size": 16,
        "test_size": 2974,
        "validation_size": 2033,
        "macro_f1_sentences": {"validation": 900.0, "test": 1400.0},
        "last_contrastive_loss": None,
        "floors": [],
        "rows": {},
        "versions": {},
        "commit": None,
        "ending": "DONE",
        "machine": None,
    } | changes


def read_summary(regime: str = "baseline", **changes: Any) -> Summary:
    """The same as a `Summary`."""
    return Summary.from_dict(summary(regime, **changes))


TRIALS = [
    {
        "number": 0,
        "state": "COMPLETE",
        "best_validation_accuracy": 0.85,
        "best_validation_macro_f1": 0.84,
        "epochs": 3,
        "config.head_width": 10,
    },
    {
        "number": 1,
        "state": "PRUNED",
        "best_validation_accuracy": 0.4,
        "best_validation_macro_f1": 0.3,
        "epochs": 1,
        "config.head_width": 10,
    },
    {
        "number": 2,
        "state": "COMPLETE",
        "best_validation_accuracy": 0.9,
        "best_validation_macro_f1": 0.8,
        "epochs": 3,
        "config.head_width": None,
    },
    {
        "number": 3,
        "state": "FAIL",
        "reason": "loss is not finite",
        "epochs": 0,
        "config.head_width": 10,
    },
]


def write_search(
    folder: Path,
    trials: list[dict[str, Any]] = TRIALS,
    outcome: dict[str, Any] | None = None,
    **spec: Any,
) -> Path:
    """Write a search's folder: spec.json, trials.csv, epochs.csv, and summary.json if finished.

    `outcome` is the content of summary.json; `spec` overrides fields of spec.json.
    """
    folder.mkdir(parents=True)
    named = {
        "name": folder.name,
        "regime": "baseline",
        "data": "massive",
        "model": "bert-base-uncased",
    }
    (folder / "spec.json").write_text(
        json.dumps(named | {"trials": 4, "epochs": 3, "seed": 0} | spec)
    )
    rows = [
        {
            "reason": None,
            "best_validation_accuracy": None,
            "seconds": 1.5,
            "config.batch_size": 16,
        }
        | row
        for row in trials
    ]
    names = list(dict.fromkeys(name for row in rows for name in ("number", "state", *row))) or [
        "number",
        "state",
    ]
    write_csv(folder / "trials.csv", names, rows)
    epochs = [
        {
            "trial": row["number"],
            "seed": 0,
            "kind": "search",
            "epoch": epoch,
            "stage": "fine-tune",
            "train_loss": 2 / epoch,
            "train_accuracy": 0.3 * epoch,
            "validation_loss": 2.2 / epoch,
            "validation_accuracy": 0.2 * epoch,
            "validation_macro_f1": 0.1 * epoch,
            "seconds": 0.5,
        }
        for row in trials
        for epoch in range(1, row["epochs"] + 1)
    ]
    write_csv(folder / "epochs.csv", EPOCH_FIELDS.split(), epochs)
    if outcome is not None:
        (folder / "summary.json").write_text(json.dumps(outcome))
    return folder


def write_csv(path: Path, names: list[str], rows: list[dict[str, Any]]) -> None:
    """Write rows as CSV; missing values are empty cells."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


class Page(HTMLParser):
    """The tags and the text of an HTML page; asserts that its tags nest."""

    VOID = ("meta", "link", "br", "img", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def report_error(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr of a report command that exits with 2."""
    assert report.main(argv) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    return printed.err


def finished_trials(*scores: float, state: str = "COMPLETE") -> pandas.DataFrame:
    """Trials with these scores in their final stage."""
    return pandas.DataFrame(
        {"number": range(len(scores)), "state": state, "final_stage_score": scores, "epochs": 3}
    )


def predictions(*answers: tuple[str, str, float], seed: int = 1) -> pandas.DataFrame:
    """A row per (label, predicted, confidence), each of a sentence of its own."""
    rows = [
        {
            "seed": seed,
            "row": row,
            "text": f"text {row}",
            "label": label,
            "predicted": predicted,
            "confidence": confidence,
        }
        for row, (label, predicted, confidence) in enumerate(answers)
    ]
    return pandas.DataFrame(
        rows, columns=["seed", "row", "text", "label", "predicted", "confidence"]
    )


SIX_PREDICTIONS = predictions(
    ("a", "a", 0.9),
    ("a", "b", 0.6),
    ("a", "b", 0.8),
    ("b", "a", 0.7),
    ("b", "b", 0.3),
    ("c", "c", 1.0),
)


LONG_LABELS = [
    f"datetime_query_for_a_{end}" for end in ("place_today", "place_tomorrow", "face_today")
] + ["a", "_a", "a b", "a  b"]
