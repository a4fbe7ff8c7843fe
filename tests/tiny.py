"""A tiny BERT and a toy corpus that it can learn: what the tests train and evaluate."""

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, BertConfig, BertTokenizerFast

from trainables.parts.data.tokens import Data, tokenise
from trainables.parts.training.epoch import Epoch

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
    """Texts with their labels: each label has words of its own amid words that all labels share."""
    return [
        (f"{opening} {verb} {ending}", label)
        for label, verbs in VERBS.items()
        for opening, verb, ending in product(OPENINGS, verbs, ENDINGS)
    ]


def split_rows() -> dict[str, list[tuple[str, str]]]:
    """The sentences in three splits, every label in each: of five rows three train, one validates,
    one tests."""
    rows = sentences()
    part = {3: "validation", 4: "test"}
    return {
        name: [row for i, row in enumerate(rows) if part.get(i % 5, "train") == name]
        for name in ("train", "validation", "test")
    }


def vocabulary() -> list[str]:
    """Special tokens, letters (so that every Latin word can be spelt), and the words of the
    sentences."""
    words = sorted({word for text, _ in sentences() for word in text.split() if len(word) > 1})
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *words]


def write_model(folder: Path, layers: int = 2) -> Path:
    """A BERT of random weights, 32 wide, and its tokenizer, as a Hugging Face folder.

    Weights are large enough that vectors differ.
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
    """Train and validation of the toy corpus as token ids."""
    labels = tuple(sorted(VERBS))
    index = {label: number for number, label in enumerate(labels)}
    splits = {}
    for name, rows in split_rows().items():
        splits[name], _ = tokenise(
            [text for text, _ in rows], [index[label] for _, label in rows], tokenizer, 64
        )
    return Data(splits["train"], splits["validation"], labels)


def write_corpus(folder: Path) -> Path:
    """The toy corpus as a folder of train.jsonl, validation.jsonl and test.jsonl."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in split_rows().items():
        lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def curve(epochs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What epochs say that is the same each time: not how long they took, nor what else of the
    machine."""
    names = [field.name for field in fields(Epoch) if field.name != "seconds"]
    return [{name: epoch[name] for name in names} for epoch in epochs]


STRANGERS = (
    "regimen-results-of-a-user",
    "regimen-abcdefgh",
    "regimen-locked_0",
    "regimen-linked_0",
)
"""What a user keeps in the folder for temporary files, by names that begin like a search's own, or
are like one to the letter."""


def write_strangers(folder: Path) -> None:
    """A user's folders in `folder`, an hour old: each with a file, one with an empty lock, one a
    link to a folder elsewhere."""
    for name in STRANGERS:
        place = folder / ("elsewhere" if name == "regimen-linked_0" else name)
        place.mkdir()
        (place / "thesis.txt").write_text("x")
    (folder / "regimen-locked_0" / ".lock").touch()
    (folder / "regimen-linked_0").symlink_to(folder / "elsewhere")
    for name in STRANGERS:
        os.utime(folder / name, (time.time() - 3600, time.time() - 3600))


def harmed(folder: Path) -> list[str]:
    """Which of them are not as they were."""
    kept = [
        name
        for name in STRANGERS
        if (folder / name / "thesis.txt").is_file()
        and (folder / name / "thesis.txt").read_text() == "x"
    ]
    whole = (folder / "regimen-locked_0" / ".lock").is_file() and (
        folder / "regimen-linked_0"
    ).is_symlink()
    return sorted(set(STRANGERS) - set(kept)) or ([] if whole else ["a lock or a link"])
