"""ONNX files added to a model's folder, and how far their answers are from the model's own."""

import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import trainables
from search.final.record import add_to_record
from trainables.parts.data.tokens import Tokens
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.head import Head
from trainables.parts.model.onnx_model import ONNX_FILES, OnnxModel, require_onnx, write_onnx
from trainables.parts.quote import quoted
from trainables.parts.training.scores import scores

ACCEPTED_LOSS = 0.003
"""The accuracy that int8 may lose before the command says so."""


@dataclass(frozen=True)
class OnnxScores:
    """An ONNX file against the model it was made of."""

    precision: str
    accuracy: float
    model_accuracy: float
    largest_difference: float
    """Of a probability."""
    sentences: int
    split: str = "validation"
    """On which they were compared. With folds the test split, and train where there is none."""

    @property
    def loses(self) -> bool:
        """Whether its accuracy is lower by more than `ACCEPTED_LOSS`."""
        return self.model_accuracy - self.accuracy > ACCEPTED_LOSS

    def __str__(self) -> str:
        return (
            f"onnx {self.precision}: {self.split} accuracy {self.accuracy:.4f}, the model"
            f" {self.model_accuracy:.4f} (n={self.sentences}); probabilities differ by at most"
            f" {self.largest_difference:.1g}"
        )


def check_onnx(regime: str) -> None:
    """Raise ValueError where a regime's model cannot become ONNX, or a package is missing."""
    if not issubclass(trainables.load(regime).Config, Head):
        raise ValueError(f"--onnx needs a regime with an encoder; {quoted(regime)} has none")
    require_onnx("--onnx")


def add_onnx(folder: Path, tokens: Tokens, split: str) -> list[OnnxScores]:
    """Add the ONNX files to a model's folder, and their scores on a split to its record.

    The files are written beside their place, then renamed. `tokens` are in the model's own ids.
    """
    model = Classifier.from_pretrained(folder)
    with tempfile.TemporaryDirectory(prefix=".onnx.", dir=folder.parent) as scratch:
        write_onnx(model, Path(scratch))
        measured = [
            replace(_compared(precision, model, Path(scratch) / name, tokens), split=split)
            for precision, name in ONNX_FILES.items()
        ]
        (Path(scratch) / "onnx").rename(folder / "onnx")
    entries = {"onnx": [asdict(scores) for scores in measured]}
    add_to_record(folder, entries, list(ONNX_FILES.values()))
    return measured


def _compared(precision: str, model: Classifier, file: Path, split: Tokens) -> OnnxScores:
    expected, logits = model.logits(split), OnnxModel(file).logits(split)
    difference = (logits.softmax(dim=1) - expected.softmax(dim=1)).abs().max().item()
    return OnnxScores(
        precision,
        scores(logits, split.targets).accuracy,
        scores(expected, split.targets).accuracy,
        difference,
        len(split),
    )
