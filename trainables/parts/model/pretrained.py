"""A pretrained encoder as plain data: its configuration and its weights as arrays."""

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from transformers import AutoModel, PretrainedConfig
from transformers.initialization import no_init_weights

from trainables.parts.data.tokens import Tokens
from trainables.parts.model.architecture import uninitialized
from trainables.parts.model.encoder import Encoder, Precision


@dataclass(frozen=True)
class Pretrained:
    """What a worker needs to build an `Encoder`: cheap to send, and cheap to build from.

    `weights` maps parameter names to float32 arrays. `embedding` names the (V, D) table of token
    embeddings among them.
    """

    name: str
    config: PretrainedConfig
    weights: dict[str, np.ndarray]
    embedding: str

    def build(self, precision: Precision = "fp32", device: str = "cpu") -> Encoder:
        """A new encoder with these weights."""
        with no_init_weights():
            transformer = AutoModel.from_config(self.config, trust_remote_code=False)
        encoder = Encoder(transformer, precision)
        for name, tensor in encoder.transformer.state_dict().items():
            np.copyto(tensor.numpy(), self.weights[name])
        return encoder.to(device)

    @property
    def max_length(self) -> int | None:
        """As `Encoder.max_length`."""
        with torch.device("meta"):
            return Encoder(uninitialized(self.config)).max_length

    @property
    def parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(array.size for array in self.weights.values())

    def vocabulary(self, *splits: Tokens) -> np.ndarray:
        """The token ids that occur in `splits`, ascending, plus the padding id.

        The padding id keeps its own position where possible, because RoBERTa numbers positions from
        it on. Raises ValueError if an id is outside the model's embedding table.
        """
        pad = self.config.pad_token_id or 0
        require_valid_ids(len(self.weights[self.embedding]), *splits)
        used = np.setdiff1d(np.unique(np.concatenate([split.ids for split in splits])), [pad])
        return np.insert(used, min(pad, len(used)), pad)

    def cut(self, vocabulary: np.ndarray) -> "Pretrained":
        """The same model over fewer tokens: its row j is row `vocabulary[j]` of the full table.

        Tokens that never occur get no gradient, so training changes their rows by weight decay
        alone. The last row of the new table has fixed values and belongs to no token: from it,
        `restored` reads by which factor weight decay scaled such rows.
        """
        config = copy.deepcopy(self.config)
        config.vocab_size = len(vocabulary) + 1
        config.pad_token_id = min(self.config.pad_token_id or 0, len(vocabulary) - 1)
        table = self.weights[self.embedding]
        small_table = np.concatenate([table[vocabulary], decay_row(table.shape[1])])
        return replace(self, config=config, weights={**self.weights, self.embedding: small_table})

    def restored(self, trained: dict[str, np.ndarray], vocabulary: np.ndarray) -> "Pretrained":
        """This full model with weights that were trained over a cut vocabulary.

        Rows of tokens outside `vocabulary` are scaled by the weight decay of that training.
        """
        table = self.weights[self.embedding]
        ratios = trained[self.embedding][-1:] / decay_row(table.shape[1])
        factor = ratios.mean(dtype=np.float64)  # each component was rounded at every step
        table = table * np.float32(factor)
        table[vocabulary] = trained[self.embedding][:-1]
        return replace(self, weights={**trained, self.embedding: table})


def decay_row(width: int) -> np.ndarray:
    """The embedding (1, D) without a token, which weight decay alone changes during training."""
    return np.linspace(0.5, 1.0, width, dtype=np.float32)[None]


def require_valid_ids(vocabulary_size: int, *splits: Tokens) -> None:
    """Raise ValueError if a token id is outside the model's vocabulary."""
    highest = max((int(split.ids.max(initial=0)) for split in splits), default=0)
    if highest >= vocabulary_size:
        raise ValueError(
            f"the tokenizer belongs to another model: it gives token {highest}, and the model has"
            f" {vocabulary_size}"
        )


def state(encoder: Encoder) -> dict[str, np.ndarray]:
    """The transformer's state dict as float32 arrays, copied."""
    return {
        name: tensor.detach().float().cpu().numpy().copy()
        for name, tensor in encoder.transformer.state_dict().items()
    }
