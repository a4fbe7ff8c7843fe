"""The README.md of a trained model's folder."""

from collections.abc import Mapping
from typing import Any

import yaml


def model_card(record: Mapping[str, Any]) -> str:
    """A model card with its YAML header: what it is, how it was trained, how good it is, how to use it."""
    summary, configuration = record["summary"], record["configuration"]
    validation = ", ".join(f"{value:.4f}" for value in summary["confirmed"])
    test = ", ".join(f"{scores['accuracy']:.4f}" for scores in summary["test"]) or "no test split"
    header = yaml.safe_dump({"pipeline_tag": "text-classification", "library_name": "regimen", "base_model": summary["model"]})
    return f"""---
{header}---
# Intent classifier, trained with Regimen

Regime `{summary["regime"]}` on `{summary["data"]}`, from `{summary["model"]}`, {summary["epochs"]} epochs.

| | accuracy a seed |
|---|---|
| seeds | {", ".join(map(str, summary["confirmed_seeds"]))} |
| validation | {validation} |
| test | {test} |

The weights are those of seed {record["best_seed"]}, the best on validation.

```python
from transformers import AutoTokenizer
from trainables.parts.classifier import Classifier

tokenizer = AutoTokenizer.from_pretrained("FOLDER")
model = Classifier.from_pretrained("FOLDER")
probabilities = model.predict(["wake me at seven"], tokenizer)  # (1, K), columns in the order of model.labels
```

Configuration:

```yaml
{yaml.safe_dump(dict(configuration), sort_keys=False, allow_unicode=True)}```
"""
