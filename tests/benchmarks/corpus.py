"""The data of a comparison: a folder that both sides read, with some or all training sentences."""

import json
import random
from pathlib import Path

from trainables.parts.data import corpus as corpora
from trainables.parts.data.corpus import Corpus, Split


def write(source: str, sentences: int | None, seed: int, folder: Path) -> Corpus:
    """Write train and validation of a source into `folder` as .jsonl.

    Of train the first `sentences` after a shuffle by `seed`. Raises ValueError for data that cannot
    be read, and for more sentences than there are.
    """
    corpus = corpora.read(source)
    order = random.Random(seed).sample(range(len(corpus.train)), len(corpus.train))
    if sentences is not None and not 1 <= sentences <= len(order):
        raise ValueError(
            f"--sentences must be from 1 to {len(order)}, the training sentences that there are;"
            f" got {sentences}"
        )
    rows = order[:sentences]
    train = Split(
        tuple(corpus.train.texts[row] for row in rows),
        tuple(corpus.train.labels[row] for row in rows),
    )
    for name, split in {"train": train, "validation": corpus.validation}.items():
        lines = [
            json.dumps({"text": text, "label": corpus.labels[label]})
            for text, label in zip(split.texts, split.labels)
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return corpora.read(str(folder))
