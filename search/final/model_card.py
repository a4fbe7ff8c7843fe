"""The README.md of a trained model's folder."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from trainables.parts.model.loading import MINILM

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?", re.ASCII)


def model_card(record: Mapping[str, Any]) -> str:
    """A model card with its YAML header: what it is, how it was trained, how good it is, how to use
    it."""
    summary, configuration = record["summary"], record["configuration"]
    validation = ", ".join(f"{value:.4f}" for value in summary["confirmed_accuracy"])
    best = summary["confirmed_seeds"].index(record["best_seed"])
    test = (
        ", ".join(f"{scores['test_accuracy']:.4f}" for scores in summary["test"]) or "no test split"
    )
    header = yaml.safe_dump(
        {
            "pipeline_tag": "text-classification",
            "library_name": "regimen",
            **_base(summary["model"]),
        }
    )
    return f"""---
{header}---
# Intent classifier, trained with Regimen

Regime `{summary["regime"]}` on {_code(summary["data"])}, from {_code(summary["model"])}, {summary["epochs"]} epochs.

| | accuracy a seed |
|---|---|
| seeds | {", ".join(map(str, summary["confirmed_seeds"]))} |
| validation | {validation} |
| test | {test} |

No seed was used by the search, or to choose this configuration. The weights are those of seed {record["best_seed"]}, the best of
{len(summary["confirmed_accuracy"])} on validation, so its {summary["confirmed_accuracy"][best]:.4f} is a maximum; no test number chose anything.

```python
from transformers import AutoTokenizer
from trainables.parts.model.classifier import Classifier

tokenizer = AutoTokenizer.from_pretrained("FOLDER")
model = Classifier.from_pretrained("FOLDER")
probabilities = model.predict(["wake me at seven"], tokenizer)  # (1, K), columns in the order of model.labels
```

Configuration:

{_block(yaml.safe_dump(dict(configuration), sort_keys=False, allow_unicode=True))}"""


def _base(model: str) -> dict[str, str]:
    """The pretrained model's name on the hub, which takes no other here; nothing for a folder of
    the user's."""
    if model == MINILM:
        return {"base_model": "sentence-transformers/all-MiniLM-L6-v2"}
    return {"base_model": model} if HUB_NAME.fullmatch(model) and not Path(model).exists() else {}


def _code(text: str) -> str:
    """Text that Markdown shows as it is, whatever is in it."""
    quotes = _quotes(text, 1)
    return (
        f"{quotes} {' '.join(text.split())} {quotes}"
        if "`" in text
        else f"`{' '.join(text.split())}`"
    )


def _block(text: str) -> str:
    """YAML that Markdown shows as it is."""
    quotes = _quotes(text, 3)
    return f"{quotes}yaml\n{text}{quotes}\n"


def _quotes(text: str, least: int) -> str:
    """A row of backticks that `text` does not have."""
    return "`" * max(least, 1 + max((len(row) for row in re.findall("`+", text)), default=0))
