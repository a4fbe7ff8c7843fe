"""Regimes of a single stage: untuned, probe and the fine-tuning regimes."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import trainables
from tests.trainables.runs import FINE_TUNING, Run, curve, finish, run, start
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import vectors
from trainables.parts.model.encoder import Precision
from trainables.parts.model.pooling import POOLINGS, Pooling
from trainables.parts.model.pretrained import Pretrained, state
from trainables.parts.training import frozen
from trainables.parts.training.frozen import encode
from trainables.parts.training.ridge import ridge


def test_untuned_yields_one_epoch_whatever_the_budget(pretrained: Pretrained, data: Data) -> None:
    epochs, model = run("untuned", pretrained, data, epochs=7)
    assert [(epoch.stage, epoch.steps, epoch.train_loss) for epoch in epochs] == [
        ("untuned", 0, None)
    ]
    assert all(
        np.array_equal(array, pretrained.weights[name])
        for name, array in state(model.encoder).items()
    )


def test_another_draw_of_untuned_is_another_classifier(pretrained: Pretrained, data: Data) -> None:
    logits = [
        run("untuned", pretrained, data, draw=draw)[1].logits(data.validation) for draw in (1, 2)
    ]
    assert not torch.equal(*logits)


@pytest.mark.parametrize("regime", FINE_TUNING)
def test_fine_tuning_trains_encoder_and_classifier_in_one_stage(
    regime: str, runs: dict[str, Run], pretrained: Pretrained
) -> None:
    assert [epoch.stage for epoch in runs[regime].epochs] == ["fine-tune"] * 2
    changed = [
        name
        for name, array in state(runs[regime].model.encoder).items()
        if not np.array_equal(array, pretrained.weights[name])
    ]
    assert {name.split(".")[0] for name in changed} == {"embeddings", "encoder"}


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("regime", FINE_TUNING)
def test_a_head_that_starts_from_ridge_first_predicts_as_ridge_does(
    regime: str, pooling: Pooling, pretrained: Pretrained, data: Data
) -> None:
    frozen = {"learning_rate": 0.0, "head_learning_rate": 0.0, "min_learning_rate": 0.0}
    (epoch,), model = run(
        regime, pretrained, data, head_init="ridge", pooling=pooling, epochs=1, **frozen
    )
    encoder = pretrained.build()
    encoder.pooling = pooling
    solution = ridge(vectors(encoder, data.train), data.train.targets, len(data.labels))
    sentences = vectors(encoder, data.validation)
    expected = sentences.double() @ solution.weight.T + solution.bias
    torch.testing.assert_close(
        model.logits(data.validation).double(), expected, atol=1e-4, rtol=1e-4
    )
    assert epoch.validation_accuracy == solution.scores(sentences, data.validation.targets).accuracy


def test_ridge_on_sentences_that_are_encoded_already_starts_the_same_curve(
    pretrained: Pretrained, data: Data
) -> None:
    encoded = replace(data, encoded=encode(pretrained.build(), data))
    once, again = (
        run("baseline", pretrained, each, head_init="ridge", pooling="mean")[0]
        for each in (data, encoded)
    )
    assert curve(once) == curve(again)


def test_llrd_with_a_decay_of_one_is_fine_tuning_at_one_rate(
    pretrained: Pretrained, data: Data
) -> None:
    same = {"head_learning_rate": 1e-3, "schedule": "constant"}
    plain, _ = run("baseline", pretrained, data, **same)
    layered, _ = run("llrd", pretrained, data, layerwise_decay=1.0, head_decay=1.0, **same)
    assert curve(plain) == curve(layered)


def test_llrd_with_a_decay_of_zero_leaves_the_encoder_as_it_was(
    pretrained: Pretrained, data: Data
) -> None:
    _, model = run("llrd", pretrained, data, layerwise_decay=0.0)
    assert all(
        np.array_equal(array, pretrained.weights[name])
        for name, array in state(model.encoder).items()
    )


def test_probe_leaves_the_encoder_as_it_was(runs: dict[str, Run], pretrained: Pretrained) -> None:
    assert all(
        np.array_equal(array, pretrained.weights[name])
        for name, array in state(runs["probe"].model.encoder).items()
    )


def test_probe_on_sentences_that_are_encoded_already_has_the_same_curve(
    runs: dict[str, Run], pretrained: Pretrained, data: Data
) -> None:
    epochs, model = run(
        "probe", pretrained, replace(data, encoded=encode(pretrained.build(), data))
    )
    assert curve(epochs) == curve(runs["probe"].epochs) and torch.equal(
        model.logits(data.validation), runs["probe"].logits
    )


def test_probes_first_epoch_takes_as_long_as_its_encoding(
    pretrained: Pretrained, data: Data
) -> None:
    encoder, waits = pretrained.build(), list[float]()

    def wait(*_: object) -> None:
        waits.append(0.05)
        time.sleep(waits[-1])

    encoder.transformer.embeddings.register_forward_hook(wait)
    epochs, _ = finish(start("probe", encoder, data))
    assert epochs[0].seconds >= sum(waits) > 0 and epochs[1].seconds < sum(waits)


def test_majority_has_the_probabilities_of_scikit_learns_prior(
    pretrained: Pretrained, data: Data
) -> None:
    """With one more row of each label, so that a label without a row has a finite loss."""
    kept = np.flatnonzero((data.train.labels != 3) & (np.arange(len(data.train)) % 7 > 0))
    train = data.train.select(kept)
    epochs, model = run("majority", pretrained, replace(data, train=train), epochs=7)
    labels = [*train.labels, *range(len(data.labels))]
    prior = DummyClassifier(strategy="prior").fit(np.zeros((len(labels), 1)), labels)
    expected = prior.predict_proba(np.zeros((len(data.validation), 1)))
    probabilities = model.logits(data.validation).softmax(dim=1).numpy()
    np.testing.assert_allclose(probabilities, expected, rtol=1e-5)
    (epoch,) = epochs
    most = np.bincount(labels).argmax()
    assert epoch.validation_accuracy == pytest.approx((data.validation.labels == most).mean())


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_probe_is_scikit_learns_logistic_regression_on_the_frozen_vectors(
    pooling: str, pretrained: Pretrained, data: Data
) -> None:
    """The same from vectors that are computed already; its encoder stays as it was."""
    known = encode(pretrained.build(), data)
    settings = {"classifier": "logistic", "pooling": pooling, "C": 0.3}
    epochs, model = run("probe", pretrained, data, epochs=5, **settings)
    again, _ = run("probe", pretrained, replace(data, encoded=known), **settings)
    train, validation = known[pooling]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=200))
    pipeline.fit(train.vectors.double().numpy(), data.train.labels)
    expected = pipeline.predict_proba(validation.vectors.double().numpy())
    probabilities = model.logits(data.validation).softmax(dim=1).numpy()
    np.testing.assert_allclose(probabilities, expected, atol=2e-3)
    assert len(epochs) == 1 and curve(again) == curve(epochs)
    assert all(
        np.array_equal(array, pretrained.weights[name])
        for name, array in state(model.encoder).items()
    )


def test_probe_chooses_on_train_alone(pretrained: Pretrained, data: Data) -> None:
    module = trainables.load("probe")
    chosen = module.choose(data, pretrained.build(), seed=0)
    assert set(chosen) == {"pooling", "C"}
    validation = replace(data.validation, labels=(data.validation.labels + 1) % 4)
    other = replace(data, validation=validation)
    assert module.choose(other, pretrained.build(), seed=0) == chosen


def test_a_probe_of_an_earlier_version_is_still_trained_by_gradient() -> None:
    """Its configurations had neither `classifier` nor `pooling`; all named an optimiser."""
    kind = trainables.load("probe").Config
    old = {
        name: value
        for name, value in kind(classifier="gradient", head_width=10).to_dict().items()
        if name not in ("classifier", "pooling", "C")
    }
    config = kind.from_dict(old)
    assert (config.classifier, config.pooling, config.head_width) == ("gradient", "cls", 10)
    assert kind.from_dict(config.to_dict()) == config
    assert kind.from_dict({**old, "pooling": "mean"}).pooling == "mean"
    assert (kind.from_dict({"C": 1}).classifier, kind().head_width) == ("logistic", None)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_parts_that_are_encoded_by_several_workers_are_the_whole_to_the_last_bit(
    precision: Precision, pretrained: Pretrained, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen, "CHUNK_SENTENCES", 50)
    whole = frozen.encode(pretrained.build(precision), data)
    parts = [frozen.encode_part(pretrained.build(precision), data, part, 3) for part in range(3)]
    joined = frozen.joined(data, parts[::-1])
    assert all(parts) and set(whole) == set(joined) == {"cls", "mean"}
    for pooling, splits in whole.items():
        for one, other, split in zip(splits, joined[pooling], (data.train, data.validation)):
            assert torch.equal(one.vectors, other.vectors)
            assert np.array_equal(other.targets.numpy(), split.labels)
    encoder = pretrained.build(precision)
    encoder.pooling = "mean"
    plain = vectors(encoder, data.train)
    torch.testing.assert_close(joined["mean"][0].vectors, plain, rtol=0, atol=0.05)
