"""An ensemble gives the mean of its members' probabilities, also after it was saved."""

import json
from pathlib import Path

import pytest
import torch

from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.ensemble import Ensemble
from trainables.parts.model.head import Head
from trainables.parts.model.loading import load_tokenizer
from trainables.parts.model.pretrained import Pretrained
from trainables.parts.model.text_classifier import load_folder

TEXTS = ["wake me today", "pizza"]


@pytest.fixture
def members(pretrained: Pretrained, data: Data) -> list[Classifier]:
    torch.manual_seed(0)
    head = Head(head_width=None, dropout=0.1)
    models = [Classifier.new(pretrained.build(), head, data.labels).eval() for _ in range(3)]
    for model in models:
        model.scale_logits(10)
    return models


def test_probabilities_are_averaged_and_scaling_sharpens_them(
    members: list[Classifier], data: Data
) -> None:
    ensemble, split = Ensemble(members), data.validation
    expected = torch.stack([member.logits(split).softmax(1) for member in members]).mean(0)
    torch.testing.assert_close(ensemble.logits(split).softmax(1), expected)
    ensemble.scale_logits(2)
    sharper = expected**2 / (expected**2).sum(1, keepdim=True)
    torch.testing.assert_close(ensemble.logits(split).softmax(1), sharper)


def test_a_label_without_any_probability_keeps_the_scores_finite(
    members: list[Classifier], model_folder: Path
) -> None:
    for member in members:
        member.scale_logits(1e4)
    ensemble, tokenizer = Ensemble(members), load_tokenizer(str(model_folder))
    assert ensemble.predict(TEXTS, tokenizer).sum(1) == pytest.approx([1, 1])


def test_a_saved_ensemble_is_loaded_and_its_members_load_alone(
    members: list[Classifier], model_folder: Path, tmp_path: Path
) -> None:
    ensemble, tokenizer = Ensemble(members, 0.5), load_tokenizer(str(model_folder))
    ensemble.save(tmp_path, tokenizer)
    loaded = load_folder(tmp_path)
    assert isinstance(loaded, Ensemble) and loaded.labels == ensemble.labels
    own = load_tokenizer(str(tmp_path))
    assert torch.equal(loaded.predict(TEXTS, own), ensemble.predict(TEXTS, tokenizer))
    alone = load_folder(tmp_path / "member-2")
    assert torch.equal(alone.predict(TEXTS, own), members[1].predict(TEXTS, tokenizer))


@pytest.mark.parametrize("count", [0, 10**6, "3", True])
def test_a_wrong_number_of_members_is_refused(
    count: object, members: list[Classifier], model_folder: Path, tmp_path: Path
) -> None:
    Ensemble(members).save(tmp_path, load_tokenizer(str(model_folder)))
    values = json.loads((tmp_path / "config.json").read_text())
    values["regimen"]["ensemble"] = count
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(ValueError, match="the number of members"):
        load_folder(tmp_path)


def test_members_with_other_labels_are_refused(members: list[Classifier]) -> None:
    members[1].labels = members[1].labels[::-1]
    with pytest.raises(ValueError, match="differ in labels"):
        Ensemble(members)
