"""python -m search.predict: classify texts with a model folder that search.train wrote."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Literal

from analysis.command import OK, Parser, exit_code, program
from trainables.parts.config import Fraction, checked
from trainables.parts.data.text import valid_text
from trainables.parts.quote import quoted


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = Parser(
        prog=program("search.predict"),
        description=(
            "Classify texts with a model folder that search.train wrote. Prints a JSON line per"
            " text, with its label and the probability of every label."
        ),
    )
    parser.add_argument("folder", metavar="DIR", help="Model folder")
    parser.add_argument(
        "--min-confidence",
        default="0",
        metavar="auto|P",
        help=(
            "Answer null where the best label's probability is below P; auto: below the threshold"
            " that search.train found (default: 0, always answer)"
        ),
    )
    parser.add_argument(
        "--onnx",
        choices=["fp32", "int8"],
        help=(
            "Use the folder's ONNX file, which search.train --onnx writes; it is faster for single"
            " texts, int8 also for many (default: PyTorch)"
        ),
    )
    parser.add_argument(
        "texts",
        nargs="*",
        metavar="TEXT",
        help="Texts to classify (default: the lines of standard input)",
    )
    args = parser.parse_intermixed_args(argv)  # a flag between the folder and the texts
    return exit_code(lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    # Before the model is loaded, which takes seconds.
    texts = [valid_text(text) for text in args.texts]
    threshold = _min_confidence(args.min_confidence)
    if not os.path.isdir(args.folder):
        raise ValueError(f"no folder {quoted(args.folder)}")
    from search.final.predictor import Predictor

    predictor = Predictor(args.folder, threshold, args.onnx)
    lines = (line.rstrip("\r\n") for line in sys.stdin)
    for row in predictor.stream(texts or (line for line in lines if line.strip())):
        print(json.dumps(row, ensure_ascii=False), flush=not texts)
    return OK


def _min_confidence(text: str) -> float | Literal["auto"]:
    if text == "auto":
        return "auto"
    try:
        value: float = checked("P", float(text), Fraction)
        return value
    except ValueError:
        raise ValueError(
            f"--min-confidence must be auto or a number from 0 to 1; got {quoted(text)}"
        ) from None


if __name__ == "__main__":
    raise SystemExit(main())
