"""The README.md of a model's folder: a Hugging Face model card."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import ModelCardData

from analysis.metric import WORDS, Metric, confirmed_field, test_field, validation_field
from analysis.text import epochs_of
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.ensemble import Ensemble
from trainables.parts.model.loading import MINILM
from trainables.parts.model.text_classifier import TextClassifier

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?", re.ASCII)
MINILM_HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"
CARD = """---
{header}
---
# Intent classifier, trained with Regimen

Regime `{regime}` on {data}{model}, {budget}.

| | {metric} per seed |
|---|---|
| seeds | {seeds} |
| validation | {validation} |
| test | {test} |
{failed}
Neither the search nor the choice of this configuration used these seeds. Test scores chose nothing.

{weights}

{out_of_scope}{usage}
Configuration:

{configuration}"""

CODE = """from transformers import pipeline

classify = pipeline("text-classification", model="FOLDER"{trust})
print(classify("wake me at seven", truncation=True))
"""
CODE_WITHOUT_ENCODER = """from trainables.parts.model.ngrams import NgramClassifier

model = NgramClassifier.from_pretrained("FOLDER")
probabilities = model.predict(["wake me at seven"])  # (1, K), as in model.labels
"""
BEST = (
    "The weights are those of seed {seed}, the best of {runs} on validation, so its {best:.4f} is a"
    " maximum."
)
FIRST = (
    "The weights are those of seed {seed}, the first of {runs}. They were trained on all training"
    " rows; the validation scores are those of cross-validation with {folds} folds."
)
SOUP = (
    "The weights are the mean of the weights of the {runs} seeds' models: validation {validation},"
    " test {test}."
)
DROPPED_SOUP = (
    " The mean of all seeds' weights, validation {validation}, was worse on validation and is not"
    " used."
)
ENSEMBLE = (
    "The model averages the probabilities of the {runs} seeds' models: validation {validation},"
    " test {test}."
)
CODE_OF_ENSEMBLE = """from search.final.predictor import Predictor

print(Predictor("FOLDER").predict(["wake me at seven"]))
"""
ENSEMBLE_NOTE = """
Only Regimen loads the ensemble: `AutoModel`, `pipeline` and ONNX hold one model each. They load
each of its members alone, such as `FOLDER/member-1`.
"""
OUT_OF_SCOPE = """Texts out of scope have no intent, and the model was trained on none. It tells
them from those in scope by its confidence. AUROC is the chance that a text in scope has the higher
confidence, FPR95 the fraction out of scope that passes where 95 % in scope pass, and the last
column the fraction that `--min-confidence auto` refuses.

| | in scope | out of scope | AUROC | FPR95 | refused |
|---|---|---|---|---|---|
{rows}

"""
TRUST = ", trust_remote_code=True"
TRUST_NOTE = """
`trust_remote_code=True` lets transformers run `modeling_regimen.py` from the folder, because no
class of its own has this model's head.
"""
SENTENCE_VECTORS = """
`SentenceTransformer("FOLDER")` loads the encoder with its pooling.
"""


def model_card(record: Mapping[str, Any], model: TextClassifier) -> str:
    """The card of a final training, from the record that `scores.json` holds."""
    summary = record["summary"]
    metric: Metric = summary["metric"]
    validated, tests = summary[confirmed_field(metric)], summary["test"]
    encodes, transformers = isinstance(model, Classifier | Ensemble), isinstance(model, Classifier)
    header = ModelCardData(
        pipeline_tag="text-classification",
        library_name="transformers" if transformers else "regimen",
        base_model=_base_model(summary["model"]) if encodes else None,
    )
    configuration = yaml.safe_dump(
        dict(record["configuration"]), sort_keys=False, allow_unicode=True
    )
    return CARD.format(
        header=header.to_yaml(),
        regime=summary["regime"],
        data=_code(summary["data"]),
        model=f", from {_code(summary['model'])}" if encodes else "",
        usage=_usage(model),
        budget=epochs_of(summary["epochs"], summary.get("epoch_size")),
        seeds=", ".join(map(str, summary["confirmed_seeds"])),
        metric=WORDS[metric],
        validation=_scores(validated),
        test=_scores([scores[test_field(metric)] for scores in tests]) or "no test split",
        failed=_failed(record.get("failed_seeds") or {}),
        weights=_weights(record),
        out_of_scope=_out_of_scope(record.get("out_of_scope") or {}),
        configuration=_block(configuration, "yaml"),
    )


def _failed(seeds: Mapping[str, str]) -> str:
    """A row that names the seeds that failed; empty without any."""
    return f"| failed seeds | {', '.join(seeds)} |\n" if seeds else ""


def _weights(record: Mapping[str, Any]) -> str:
    """Whose weights these are."""
    metric: Metric = record["summary"]["metric"]
    reached, combined = record["summary"][confirmed_field(metric)], record.get("combined")
    seed, runs = record["best_seed"], len(reached)
    best = reached[record["summary"]["confirmed_seeds"].index(seed)]
    if folds := record["summary"].get("folds"):
        return FIRST.format(seed=seed, runs=runs, folds=folds)
    if not combined:
        return BEST.format(seed=seed, runs=runs, best=best)
    tested = combined[test_field(metric)]
    scores = {
        "validation": f"{combined[validation_field(metric)]:.4f}",
        "test": "not measured" if tested is None else f"{tested:.4f}",
    }
    if not combined["kept"]:
        return BEST.format(seed=seed, runs=runs, best=best) + DROPPED_SOUP.format(**scores)
    text = SOUP if combined["kind"] == "soup" else ENSEMBLE
    return text.format(runs=runs, **scores)


def _out_of_scope(detections: Mapping[str, Mapping[str, Any]]) -> str:
    """How well texts without an intent are told; empty where there were none."""
    rows = []
    for split, detection in detections.items():
        refused = "no threshold" if detection["recall"] is None else f"{detection['recall']:.3f}"
        sizes = f"{detection['in_scope']} | {detection['out_of_scope']}"
        separation = f"{detection['auroc']:.3f} | {detection['fpr95']:.3f}"
        rows.append(f"| {split} | {sizes} | {separation} | {refused} |")
    return OUT_OF_SCOPE.format(rows="\n".join(rows)) if rows else ""


def _usage(model: TextClassifier) -> str:
    """How the folder is loaded."""
    if isinstance(model, Ensemble):
        return _block(CODE_OF_ENSEMBLE, "python") + ENSEMBLE_NOTE
    if not isinstance(model, Classifier):
        return _block(CODE_WITHOUT_ENCODER, "python")
    if model.has_standard_head:
        return _block(CODE.format(trust=""), "python") + SENTENCE_VECTORS
    return _block(CODE.format(trust=TRUST), "python") + TRUST_NOTE + SENTENCE_VECTORS


def _scores(values: list[float]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)


def _base_model(model: str) -> str | None:
    """The pretrained model's name on the hub; None for a local folder."""
    if model == MINILM:
        return MINILM_HUB_NAME
    return model if HUB_NAME.fullmatch(model) and not Path(model).exists() else None


def _code(text: str) -> str:
    """Any text as inline code, in one line."""
    line = " ".join(text.split())
    if "`" not in line:
        return f"`{line}`"
    fence = _fence(line, 1)
    return f"{fence} {line} {fence}"


def _block(text: str, language: str) -> str:
    """Text as a code block."""
    fence = _fence(text, 3)
    return f"{fence}{language}\n{text}{fence}\n"


def _fence(text: str, least: int) -> str:
    """A row of backticks that does not occur in `text`."""
    rows = re.findall("`+", text)
    return "`" * max(least, 1 + max(map(len, rows), default=0))
