"""A tiny BERT and a toy corpus that it can learn, for the tests."""

import json
import os
import time
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, BertConfig, BertTokenizerFast

from trainables.parts.data.tokens import Data, tokenise
from trainables.parts.training.epoch_metrics import EPOCH_FIELDS

VERBS = {
    "alarm_set": ("wake", "alarm", "morning"),
    "music_play": ("play", "song", "guitar"),
    "weather_query": ("rain", "sunny", "umbrella"),
    "food_order": ("pizza", "hungry", "noodles"),
}
OPENINGS = ("please", "hey", "can you", "now", "could we", "tell me", "i want", "olly")
ENDINGS = ("today", "for me", "at home")
LETTERS = [
    prefix + letter for prefix in ("", "##") for letter in "abcdefghijklmnopqrstuvwxyz0123456789"
]


def sentences() -> list[tuple[str, str]]:
    """Texts with their labels: each label has words of its own among shared words."""
    return [
        (f"{opening} {verb} {ending}", label)
        for label, verbs in VERBS.items()
        for opening, verb, ending in product(OPENINGS, verbs, ENDINGS)
    ]


def split_rows() -> dict[str, list[tuple[str, str]]]:
    """The sentences in three splits, all labels in each: of every five rows, three are for
    training, one for validation and one for testing."""
    rows = sentences()
    part = {3: "validation", 4: "test"}
    return {
        name: [row for i, row in enumerate(rows) if part.get(i % 5, "train") == name]
        for name in ("train", "validation", "test")
    }


def vocabulary() -> list[str]:
    """Special tokens, letters (so that any Latin word can be spelt), and the sentences' words."""
    words = sorted({word for text, _ in sentences() for word in text.split() if len(word) > 1})
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *words]


def write_model(folder: Path, layers: int = 2) -> Path:
    """Write a randomly initialised BERT of width 32 and its tokenizer as a Hugging Face folder.

    The weights are large enough that sentence vectors differ.
    """
    words = vocabulary()
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(folder)
    BertTokenizerFast(vocab={word: index for index, word in enumerate(words)}).save_pretrained(
        folder
    )
    return folder


def tokenised(tokenizer: Any) -> Data:
    """The toy corpus's train and validation splits, tokenised."""
    labels = tuple(sorted(VERBS))
    index = {label: number for number, label in enumerate(labels)}
    splits = {}
    for name, rows in split_rows().items():
        splits[name], _ = tokenise(
            [text for text, _ in rows], [index[label] for _, label in rows], tokenizer, 64
        )
    names, _ = tokenise(labels, range(len(labels)), tokenizer, 64)
    return Data(splits["train"], splits["validation"], labels, names=names)


def write_corpus(folder: Path) -> Path:
    """Write the toy corpus as train.jsonl, validation.jsonl and test.jsonl."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in split_rows().items():
        lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def curve(epochs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The epochs without their times, so that equal runs give equal curves."""
    names = [name for name in EPOCH_FIELDS if name != "seconds"]
    return [{name: epoch[name] for name in names} for epoch in epochs]


STRANGERS = (
    "regimen-results-of-a-user",
    "regimen-abcdefgh",
    "regimen-locked_0",
    "regimen-linked_0",
)
"""Folders of a user among the temporary files, whose names begin like those of a search, or equal
one."""


def write_strangers(folder: Path) -> None:
    """Make a user's folders in `folder`, an hour old.

    Each has a file, one also an empty lock, and one is a link to a folder elsewhere.
    """
    for name in STRANGERS:
        place = folder / ("elsewhere" if name == "regimen-linked_0" else name)
        place.mkdir()
        (place / "thesis.txt").write_text("x")
    (folder / "regimen-locked_0" / ".lock").touch()
    (folder / "regimen-linked_0").symlink_to(folder / "elsewhere")
    for name in STRANGERS:
        os.utime(folder / name, (time.time() - 3600, time.time() - 3600))


def harmed(folder: Path) -> list[str]:
    """The names of the user's folders that have changed."""
    kept = [
        name
        for name in STRANGERS
        if (folder / name / "thesis.txt").is_file()
        and (folder / name / "thesis.txt").read_text() == "x"
    ]
    links_kept = (folder / "regimen-locked_0" / ".lock").is_file() and (
        folder / "regimen-linked_0"
    ).is_symlink()
    return sorted(set(STRANGERS) - set(kept)) or ([] if links_kept else ["a lock or a link"])
