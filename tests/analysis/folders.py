"""Results folders of any size, as searches leave them, with drawn numbers: nothing is trained."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from analysis.read.correct import to_hex
from tests.analysis.searches import EPOCH_FIELDS, summary, write_csv

REGIMES = ("baseline", "llrd", "llrd_warmup", "lp_ft", "rdrop", "simclr", "supcon", "swa")
SPACE: dict[str, Any] = {
    "learning_rate": {"low": 1e-5, "high": 1e-3, "log": True},
    "head_learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    "layerwise_decay": {"low": 0.6, "high": 1.0, "log": False},
    "dropout": {"low": 0.0, "high": 0.9, "log": False},
    "warmup_ratio": {"low": 0.0, "high": 0.3, "log": False},
    "weight_decay": {"low": 1e-5, "high": 1e-1, "log": True},
    "label_smoothing": {"low": 0.0, "high": 0.2, "log": False},
    "clip": {"low": 0.1, "high": 10.0, "log": True},
    "batch_size": {"choices": [16, 32, 64]},
    "head_width": {"choices": [None, 10, 256]},
    "pooling": {"choices": ["cls", "mean"]},
    "optimizer": {"choices": ["adamw", "sgd"]},
}
LABELS = (
    "intent_00",
    "intent_of_somebody_who_names_intents_by_whole_sentences_in_full",
    *(f"intent_{number:02d}" for number in range(2, 60)),
)
SENTENCES = 480


def write_searches(
    results: Path, regimes: int = 8, trials: int = 50, epochs: int = 10, confirmed: bool = True
) -> Path:
    """So many searches on one data set; the accuracy of a trial depends on its learning rate."""
    for number, regime in enumerate(REGIMES[:regimes]):
        _write(results / regime, regime, number, trials, epochs, confirmed)
        write_problems(results / regime)
    return results


def _write(
    folder: Path, regime: str, number: int, trials: int, epochs: int, confirmed: bool
) -> None:
    random = np.random.default_rng(number)
    folder.mkdir(parents=True)
    rows = [_trial(random, trial, epochs, top=0.86 + 0.004 * number) for trial in range(trials)]
    complete = [row for row in rows if row["state"] == "COMPLETE"]
    best = max(complete, key=lambda row: row["best_validation_accuracy"])
    reported = (1000, 1001, 1002) if confirmed else ()
    right = {
        (kind, seed, split): random.random(SENTENCES) < best["best_validation_accuracy"] - 0.01
        for kind, seeds in (("choice", (1, 2)), ("report", reported))
        for seed in (seeds if confirmed else ())
        for split in (("validation", "test") if kind == "report" else ("validation",))
    }
    accuracies = {key: float(bits.mean()) for key, bits in right.items()}
    outcome = summary(
        regime,
        name=regime,
        data="embedded",
        model="minilm",
        encoder_is_papers=False,
        comparable=False,
        why_not="the data is not MASSIVE English",
        epochs=epochs,
        states={
            state: sum(row["state"] == state for row in rows)
            for state in ("COMPLETE", "PRUNED", "FAIL")
        },
        seconds=60.0 * trials,
        paper_config_validation_accuracy=rows[0]["best_validation_accuracy"],
        best_trial=best["number"],
        best_validation_accuracy=best["best_validation_accuracy"],
        winner_trial=best["number"] if confirmed else None,
        choice_accuracy=best["best_validation_accuracy"] - 0.003 if confirmed else None,
        choice_runs={
            str(best["number"]): [accuracies["choice", seed, "validation"] for seed in (1, 2)]
        }
        if confirmed
        else {},
        confirmed_accuracy=[accuracies["report", seed, "validation"] for seed in reported],
        confirmed_seeds=list(reported),
        test=[
            {
                "seed": seed,
                "test_accuracy": accuracies["report", seed, "test"],
                "test_loss": 0.5 + seed / 1e5,
                "test_loss_paper": 0.03,
            }
            for seed in reported
        ],
        test_size=SENTENCES,
        validation_size=SENTENCES,
        floors=[
            {
                "regime": name,
                "chosen": "",
                "validation_accuracy": accuracy,
                "validation_loss": 1.0,
                "seconds": 3.0,
            }
            for name, accuracy in (("majority", 0.017), ("tfidf", 0.65), ("probe", 0.821))
        ],
        versions={"python": "3.11.2", "regimen": "0.1.0", "torch": "2.9.0", "ray": "2.52.0"},
    )
    spec = {
        "name": regime,
        "regime": regime,
        "data": "embedded",
        "model": "minilm",
        "trials": trials,
        "epochs": epochs,
        "seed": 0,
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    (folder / "summary.json").write_text(json.dumps(outcome))
    (folder / "space.json").write_text(json.dumps(SPACE))
    write_csv(folder / "trials.csv", list(dict.fromkeys(key for row in rows for key in row)), rows)
    runs = [(row["number"], 0, "search", row) for row in rows]
    runs += [
        (best["number"], seed, kind, best)
        for kind, seeds in (("choice", (1, 2)), ("report", reported))
        for seed in (seeds if confirmed else ())
    ]
    write_csv(
        folder / "epochs.csv",
        [*EPOCH_FIELDS.split(), "ended"],
        [
            epoch
            for trial, seed, kind, row in runs
            for epoch in _epochs(
                random, trial, seed, kind, row, accuracies.get((kind, seed, "validation"))
            )
        ],
    )
    importance = np.sort(random.dirichlet(np.ones(8)))[::-1]
    write_csv(
        folder / "importances.csv",
        ["name", "importance", "trials"],
        [
            {"name": name, "importance": value, "trials": len(complete)}
            for name, value in zip(SPACE, importance)
        ],
    )
    if confirmed:
        _write_answers(folder, random, best["number"], reported, right)


def _trial(random: np.random.Generator, number: int, epochs: int, top: float) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for name, parameter in SPACE.items():
        if "choices" in parameter:
            config[name] = parameter["choices"][random.integers(len(parameter["choices"]))]
        elif parameter["log"]:
            config[name] = float(
                np.exp(random.uniform(*np.log([parameter["low"], parameter["high"]])))
            )
        else:
            config[name] = float(random.uniform(parameter["low"], parameter["high"]))
    distance = np.log10(config["learning_rate"]) + 4
    accuracy = top - 0.1 * distance**2 - 0.05 * config["dropout"] ** 2
    accuracy = float(np.clip(accuracy + random.normal(0, 0.006), 0.01, 0.99))
    state = "COMPLETE" if number == 0 or random.random() < 0.45 else "PRUNED"
    if number % 23 == 22:
        state = "FAIL"
    ran = {"COMPLETE": epochs, "PRUNED": max(1, epochs // 3), "FAIL": 0}[state]
    accuracy -= 0.05 if state == "PRUNED" else 0.0
    return {
        "number": number,
        "state": state,
        "reason": "loss is not finite" if state == "FAIL" else None,
        "best_validation_accuracy": accuracy if ran else None,
        "epochs": ran,
        "seconds": 6.0 * ran,
        "suggested": " ".join(SPACE) if number else "",
        **{f"config.{name}": value for name, value in config.items()},
    }


def _epochs(
    random: np.random.Generator,
    trial: int,
    seed: int,
    kind: str,
    row: dict[str, Any],
    accuracy: float | None,
) -> list[dict[str, Any]]:
    final = row["best_validation_accuracy"] if accuracy is None else accuracy
    return [
        {
            "trial": trial,
            "seed": seed,
            "kind": kind,
            "epoch": epoch,
            "stage": "fine-tune",
            "train_loss": 3 / epoch,
            "train_accuracy": min(1.0, 0.3 + 0.07 * epoch),
            "validation_loss": 3.2 / epoch,
            "validation_accuracy": final * (1 - 0.3 * (1 - epoch / row["epochs"])),
            "best_validation_accuracy": final * (1 - 0.3 * (1 - epoch / row["epochs"])),
            "learning_rate": 1e-4 * (1 - epoch / 11),
            "steps": 30,
            "seconds": 6.0 + random.random(),
            "ended": 1.79e9 + 60 * trial + epoch,
        }
        for epoch in range(1, row["epochs"] + 1)
    ]


def _write_answers(
    folder: Path,
    random: np.random.Generator,
    winner: int,
    seeds: tuple[int, ...],
    right: dict[tuple[str, int, str], Any],
) -> None:
    """predictions.csv and correct.csv."""
    labels = [LABELS[row % len(LABELS)] for row in range(SENTENCES)]
    predictions = []
    for seed in seeds:
        for row, label in enumerate(labels):
            hit = right["report", seed, "validation"][row]
            wrong = LABELS[(LABELS.index(label) + 1 + int(random.integers(3))) % len(LABELS)]
            predictions.append(
                {
                    "seed": seed,
                    "row": row,
                    "text": f"please do the thing number {row} for me",
                    "label": label,
                    "predicted": label if hit else wrong,
                    "confidence": round(float(random.uniform(0.6 if hit else 0.3, 1.0)), 4),
                }
            )
    write_csv(folder / "predictions.csv", list(predictions[0]), predictions)
    write_csv(
        folder / "correct.csv",
        ["kind", "trial", "seed", "split", "sentences", "correct"],
        [
            {
                "kind": kind,
                "trial": winner,
                "seed": seed,
                "split": split,
                "sentences": SENTENCES,
                "correct": to_hex(bits),
            }
            for (kind, seed, split), bits in right.items()
        ],
    )


def write_problems(folder: Path) -> None:
    """data_problems.csv with leaks in both splits, a conflict, a near duplicate and some doubts."""
    names = ["problem", "split", "row", "text", "label", "probability"]
    names += [f"other_{name}" for name in ("split", "row", "text", "label", "probability")]
    names.append("similarity")
    rows: list[dict[str, Any]] = [
        {
            "problem": "leak",
            "split": split,
            "row": row,
            "other_split": "train",
            "other_row": 7 + row,
            "other_text": f"wake me at {row}",
            "other_label": LABELS[1],
        }
        for split, rows in (("validation", (3, 8)), ("test", (5, 6, 40)))
        for row in rows
    ]
    rows.append(
        {
            "problem": "conflict",
            "split": "train",
            "row": 4,
            "text": "lights on",
            "label": LABELS[0],
            "other_split": "validation",
            "other_row": 9,
            "other_text": "Lights on!",
            "other_label": LABELS[2],
        }
    )
    rows.append(
        {
            "problem": "near",
            "split": "train",
            "row": 5,
            "text": "switch the lights on",
            "label": LABELS[0],
            "other_split": "train",
            "other_row": 11,
            "other_text": "switch on the lights",
            "other_label": LABELS[3],
            "similarity": 0.97,
        }
    )
    rows += [
        {
            "problem": "doubt",
            "split": "train",
            "row": row,
            "text": f"is the speaker number {row} muted",
            "label": LABELS[row],
            "probability": 0.01 * row,
            "other_label": LABELS[row + 1],
            "other_probability": 0.9 - 0.01 * row,
        }
        for row in range(12)
    ]
    write_csv(folder / "data_problems.csv", names, rows)
