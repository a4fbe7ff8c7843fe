"""Damaged models are loaded or refused, and any text is classified or refused."""

import contextlib
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from search import predict
from search.final.predictor import Predictor
from search.inputs import prepare
from tests.commands.bad_input.checks import Hold, exit_code, folder, listing, result
from tests.commands.bad_input.damage import HARMS, damage_model
from tests.commands.bad_input.strategies import GOOD, damages, is_writable, texts, values


def test_a_damaged_model_is_loaded_or_refused(hold: Hold, model_folder: Path) -> None:
    def rule(how: str, dice: random.Random, odd: Any) -> None:
        with folder() as path, contextlib.chdir(path):
            shutil.copytree(model_folder, "model")
            damage_model(Path("model"), how, dice, odd)
            (path / "train.jsonl").write_text("\n".join(json.dumps(row) for row in GOOD))
            prepared = result(lambda: prepare("train.jsonl", "model"))
            if prepared is not None:
                prepared.small.build()
            assert not Path("MARKER").exists()

    harms = st.sampled_from([harm for harm in HARMS if harm != "head"])
    hold(rule, harms, damages, values.filter(is_writable))


def test_a_damaged_classifier_predicts_or_is_refused(hold: Hold, trained: Path) -> None:
    def rule(how: str, dice: random.Random, odd: Any) -> None:
        with folder() as path, contextlib.chdir(path):
            shutil.copytree(trained, "model")
            damage_model(Path("model"), how, dice, odd)
            before = listing(path)
            exit_code(predict.main, ["model", "--", "please wake me", "word " * 500])
            assert listing(path) == before

    hold(rule, st.sampled_from(HARMS), damages, values.filter(is_writable))


def test_any_text_is_classified(hold: Hold, trained: Path) -> None:
    predictor = Predictor(trained)

    def rule(lines: list[str]) -> None:
        for line, row in zip(lines, predictor.predict(lines), strict=True):
            assert len(row["text"]) == len(line) and 0 <= row["score"] <= 1
            json.dumps(row, ensure_ascii=False, allow_nan=False).encode()

    hold(rule, st.lists(texts.filter(str.strip), max_size=5))


@pytest.mark.parametrize("text", ["", " \t\n", None, 3, 0.5, b"wake me", float("nan")])
def test_a_text_without_words_is_refused(trained: Path, text: Any) -> None:
    assert result(lambda: Predictor(trained).predict(["wake me", text])) is None
