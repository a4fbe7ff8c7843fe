"""python -m search.predict: classify texts with a model folder that search.train wrote."""

import argparse
import json
import os
import sys
from collections.abc import Sequence

from analysis.command import OK, Parser, exit_code, program
from trainables.parts.data.text import valid_text
from trainables.parts.quote import quoted


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = Parser(
        prog=program("search.predict"),
        description=(
            "Classify texts with a model folder that search.train wrote. Prints a JSON line for"
            " each, with the label and the probability of every label."
        ),
    )
    parser.add_argument("folder", metavar="DIR", help="Model folder")
    parser.add_argument(
        "texts",
        nargs="*",
        metavar="TEXT",
        help="Texts to classify (default: the lines of standard input)",
    )
    args = parser.parse_args(argv)
    return exit_code(lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    # Before the model is loaded, which takes seconds.
    texts = [valid_text(text) for text in args.texts]
    if not os.path.isdir(args.folder):
        raise ValueError(f"no folder {quoted(args.folder)}")
    from search.final.predictor import Predictor

    predictor = Predictor(args.folder)
    lines = (line.rstrip("\r\n") for line in sys.stdin)
    for row in predictor.stream(texts or (line for line in lines if line.strip())):
        print(json.dumps(row, ensure_ascii=False), flush=not texts)
    return OK


if __name__ == "__main__":
    raise SystemExit(main())
