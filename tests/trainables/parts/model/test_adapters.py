"""Low-rank adapters: what they compute, what they leave alone, and what is left of them."""

import numpy as np
import pytest
import torch
import transformers
from torch import nn
from torch.nn.utils import parametrize
from transformers import PretrainedConfig

from tests.trainables.parts.model.families import FAMILIES
from tests.trainables.runs import run
from trainables.parts.data.batches import MiniBatches
from trainables.parts.data.tokens import Data
from trainables.parts.model.adapters import LowRank, add_adapters, merge_adapters
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.pretrained import Pretrained, state

RANK, SCALE = 2, 0.5


def adapted(pretrained: Pretrained) -> Encoder:
    """An encoder with adapters that change something."""
    encoder = pretrained.build().eval()
    add_adapters(encoder, RANK, SCALE, seed=0)
    random = torch.Generator().manual_seed(1)
    for module in encoder.modules():
        if isinstance(module, LowRank):
            with torch.no_grad():
                module.up.normal_(generator=random)
    return encoder


def test_a_layer_adds_the_product_of_its_adapter() -> None:
    layer = nn.Linear(6, 4)
    plain, inputs = nn.Linear(6, 4), torch.randn(3, 6)
    plain.load_state_dict(layer.state_dict())
    adapter = LowRank(layer.weight, RANK, SCALE, np.random.default_rng(0))
    parametrize.register_parametrization(layer, "weight", adapter)
    assert torch.equal(layer(inputs), plain(inputs))  # it starts as it was
    with torch.no_grad():
        adapter.up.normal_()
    through = SCALE * (inputs @ adapter.down.T) @ adapter.up.T
    torch.testing.assert_close(layer(inputs), plain(inputs) + through)


def test_the_encoder_starts_as_it_was_pretrained(pretrained: Pretrained, data: Data) -> None:
    (batch,) = MiniBatches(data.train, len(data.train), seed=0).epoch(1)
    encoder = pretrained.build().eval()
    before = encoder(batch)
    add_adapters(encoder, RANK, SCALE, seed=0)
    assert torch.equal(encoder(batch), before)


def test_merged_adapters_compute_the_same_in_the_first_architecture(
    pretrained: Pretrained, data: Data
) -> None:
    (batch,) = MiniBatches(data.train, len(data.train), seed=0).epoch(1)
    encoder = adapted(pretrained)
    before = encoder(batch)
    merge_adapters(encoder)
    torch.testing.assert_close(encoder(batch), before)
    assert not torch.allclose(before, pretrained.build().eval()(batch))
    assert state(encoder).keys() == pretrained.weights.keys()


def test_only_adapters_get_gradients(pretrained: Pretrained, data: Data) -> None:
    (batch,) = MiniBatches(data.train, len(data.train), seed=0).epoch(1)
    encoder = adapted(pretrained)
    encoder(batch).square().sum().backward()
    trained = {name for name, parameter in encoder.named_parameters() if parameter.grad is not None}
    assert trained == {
        name
        for name, _ in encoder.named_parameters()
        if name.endswith((".up", ".down")) and "embeddings" not in name
    }
    linears = sum(isinstance(module, nn.Linear) for module in pretrained.build().modules())
    assert len(trained) == 2 * linears > 0


@pytest.mark.parametrize("rank", [1, 3])
def test_training_changes_linear_layers_by_that_rank_and_nothing_else(
    rank: int, pretrained: Pretrained, data: Data
) -> None:
    _, model = run("lora", pretrained, data, epochs=1, lora_rank=rank, learning_rate=0.01)
    changed = 0
    for name, trained in state(model.encoder).items():
        difference = trained.astype(np.float64) - pretrained.weights[name]
        if difference.any():
            changed += 1
            sizes = np.linalg.svd(difference, compute_uv=False)
            assert sizes[rank] < 1e-5 * sizes[0], name
    assert changed == sum(isinstance(module, nn.Linear) for module in model.encoder.modules())


@pytest.mark.parametrize("config", FAMILIES.values(), ids=FAMILIES)
def test_encoders_of_every_family_get_adapters(config: PretrainedConfig) -> None:
    encoder = Encoder(transformers.AutoModel.from_config(config))
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    add_adapters(encoder, RANK, SCALE, seed=0)
    trained = [name for name, each in encoder.named_parameters() if each.requires_grad]
    assert len(trained) >= 8  # two for each linear layer, of which a block has at least four
    merge_adapters(encoder)
    after = encoder.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in after)
