"""How fast a model folder answers: transformers' pipeline, search.predict, and its --onnx.

All ways answer the same texts of the embedded corpus, in rounds: each round times each way once, so
that a busy machine is busy for all of them. Loading is not timed, and before the first round each
way answers some texts to warm up. A ratio is the median of the rounds' own ratios to the pipeline
with its defaults.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import torch
from transformers import pipeline

from analysis.command import OK, USER_ERROR, Parser, refusal
from search.final.predictor import Predictor
from trainables.parts.data import corpus
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.onnx_model import ONNX_FILES, require_onnx, write_onnx
from trainables.parts.model.text_classifier import load_folder

PIPELINE = "pipeline"
WARM_UP_TEXTS = 100
Answer = Callable[[list[str]], list[str]]
"""Texts to labels."""


@dataclass(frozen=True)
class Timed:
    """One way for one number of texts, round by round."""

    way: str
    texts: int
    seconds: tuple[float, ...]
    cpu_seconds: tuple[float, ...]
    """Of this process, in all its threads: what a busy machine leaves nearly as it is."""

    def row(self, reference: "Timed") -> str:
        """A line of the table."""
        ratios = [theirs / own for theirs, own in zip(reference.seconds, self.seconds)]
        each, cpu = (
            1000 * median(times) / self.texts for times in (self.seconds, self.cpu_seconds)
        )
        spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
        return (
            f"{self.texts:7} {self.way:14} {each:9.2f} ms a text (CPU {cpu:.2f})"
            f"  {median(ratios):5.1f} x as fast ({spread})"
        )


def ways(folder: Path, scratch: Path, threads: int) -> dict[str, Answer]:
    """Every way of answering, loaded. A folder without ONNX files is copied to `scratch`."""
    require_onnx("this benchmark")
    torch.set_num_threads(threads)
    model = load_folder(folder)
    if not isinstance(model, Classifier):
        raise ValueError("this benchmark needs a model with an encoder")
    if not (folder / ONNX_FILES["fp32"]).exists():
        folder = Path(shutil.copytree(folder, scratch / "model"))
        write_onnx(model, folder)
    flags = {} if model.has_standard_head else {"trust_remote_code": True}
    classify = pipeline("text-classification", model=str(folder), device="cpu", **flags)
    return {
        PIPELINE: lambda texts: [row["label"] for row in classify(texts, truncation=True)],
        "search.predict": _predict(Predictor(folder)),
        "onnx fp32": _predict(Predictor(folder, onnx="fp32")),
        "onnx int8": _predict(Predictor(folder, onnx="int8")),
    }


def _predict(predictor: Predictor) -> Answer:
    return lambda texts: [row["label"] for row in predictor.stream(texts)]


def measure(answers: dict[str, Answer], texts: list[str], rounds: int) -> list[Timed]:
    """Time each way on the texts, `rounds` times after a warm-up that does not count.

    Raises ValueError where a way in float32 does not give the pipeline's labels, but for ties.
    """
    seconds: dict[str, list[float]] = {way: [] for way in answers}
    cpu: dict[str, list[float]] = {way: [] for way in answers}
    labels = {}
    for answer in answers.values():
        answer(texts[:WARM_UP_TEXTS])
    for _ in range(rounds):
        for way, answer in answers.items():
            start, cpu_start = time.perf_counter(), time.process_time()
            labels[way] = answer(texts)
            seconds[way].append(time.perf_counter() - start)
            cpu[way].append(time.process_time() - cpu_start)
    for way in ("search.predict", "onnx fp32"):
        same = sum(map(str.__eq__, labels[way], labels[PIPELINE]))
        if same < 0.999 * len(texts):
            raise ValueError(f"{way} gives {len(texts) - same} labels that {PIPELINE} does not")
    return [Timed(way, len(texts), tuple(times), tuple(cpu[way])) for way, times in seconds.items()]


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns the exit code."""
    parser = Parser(prog="python -m tests.benchmarks.predict", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, help="A model folder of search.train")
    parser.add_argument(
        "--texts",
        type=int,
        nargs="+",
        default=[1, 10_000],
        metavar="N",
        help="Numbers of texts (default: 1 10000)",
    )
    parser.add_argument("--rounds", type=int, default=5, help="Timed rounds (default: 5)")
    parser.add_argument("--threads", type=int, default=1, help="Threads of each way (default: 1)")
    args = parser.parse_args(argv)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            answers = ways(args.folder, Path(scratch), args.threads)
        source = corpus.read("embedded").train.texts
        for count in args.texts:
            timed = measure(answers, list(islice(cycle(source), count)), args.rounds)
            for one in timed:
                print(one.row(timed[0]), flush=True)
    except ValueError as error:
        print(refusal(error), file=sys.stderr)
        return USER_ERROR
    return OK


if __name__ == "__main__":
    raise SystemExit(main())
