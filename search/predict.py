"""python -m search.predict: texts to JSON lines with a label and its scores, by a folder that
search.train wrote."""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from search.command import OK, Parser, ended
from trainables.parts.data.tokens import replace_surrogates
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.loading import load_tokenizer
from trainables.parts.quote import quoted

BATCH = 256


def answerable(text: Any) -> str:
    """A text as the model reads it.

    Raises ValueError for what has no intent: what is no text, and blanks.
    """
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"a text to classify is a string that is not blank; got {quoted(text)}")
    return replace_surrogates(text)


class Predictor:
    """A loaded model folder."""

    def __init__(self, folder: str | Path) -> None:
        """Raises ValueError with one line where the folder is not one that search.train wrote."""
        if not os.path.isdir(folder):
            raise ValueError(f"no folder {quoted(str(folder))}")
        self.model = Classifier.from_pretrained(folder)
        self.tokenizer = load_tokenizer(str(folder))

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """For each text:

        `text`, `label`, `score` (the label's probability) and `scores` (every label's).

        Raises ValueError where one is not `answerable`.
        """
        found, texts = [], [answerable(text) for text in texts]
        for text, row in zip(texts, self.model.predict(texts, self.tokenizer).tolist()):
            best = max(range(len(row)), key=row.__getitem__)
            scores = {label: round(score, 6) for label, score in zip(self.model.labels, row)}
            found.append(
                {
                    "text": text,
                    "label": self.model.labels[best],
                    "score": round(row[best], 6),
                    "scores": scores,
                }
            )
        return found

    def stream(self, texts: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Predictions for texts of any number, `BATCH` at a time."""
        source = iter(texts)
        while batch := list(islice(source, BATCH)):
            yield from self.predict(batch)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = Parser(prog="python -m search.predict", description=__doc__)
    parser.add_argument("folder", metavar="DIR", help="a folder that search.train wrote")
    parser.add_argument(
        "texts",
        nargs="*",
        metavar="TEXT",
        help="texts to classify (default: the lines of standard input)",
    )
    args = parser.parse_args(argv)
    return ended(lambda: _follow(args))


def _follow(args: argparse.Namespace) -> int:
    texts = [
        answerable(text) for text in args.texts
    ]  # before the model is loaded, which takes seconds
    predictor = Predictor(args.folder)
    lines = (line.rstrip("\r\n") for line in sys.stdin)
    for row in predictor.stream(texts or (line for line in lines if line.strip())):
        print(json.dumps(row, ensure_ascii=False), flush=not texts)
    return OK


if __name__ == "__main__":
    raise SystemExit(main())
