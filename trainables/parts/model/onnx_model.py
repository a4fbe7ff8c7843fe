"""A classifier as ONNX: token ids and mask (B, T) to logits (B, K), in float32 and in int8.

The names are those of Hugging Face's repositories with ONNX files. int8 is ONNX Runtime's dynamic
quantisation: weights once, activations as they come.
"""

import contextlib
import importlib.util
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainables.parts.data.batches import by_length
from trainables.parts.data.tokens import Tokens
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.pooling import pool

ONNX_FILES = {"fp32": "onnx/model.onnx", "int8": "onnx/model_quantized.onnx"}
"""By precision, in the model's folder."""
PACKAGES = ("onnx", "onnxruntime")
OPSET = 17


def require_onnx(flag: str) -> None:
    """Raise ValueError where a package that `flag` needs is not installed."""
    specs = {name: importlib.util.find_spec(name) for name in PACKAGES}
    # A folder of that name is found too, but has no origin.
    missing = [name for name, spec in specs.items() if spec is None or spec.origin is None]
    if missing:
        raise ValueError(
            f"{flag} needs the package{'s' if len(missing) > 1 else ''} {' and '.join(missing)}:"
            " pip install -e '.[onnx]' in the checkout"
        )


def write_onnx(model: Classifier, folder: Path) -> None:
    """Write the files of `ONNX_FILES` to `folder`."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    precise, small = (folder / name for name in ONNX_FILES.values())
    precise.parent.mkdir(parents=True)
    # Two sentences, one of them padded: what is constant here would be constant in the graph.
    ids = torch.ones(2, 5, dtype=torch.long)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    axes = {0: "batch", 1: "tokens"}
    with _quiet(), torch.inference_mode():
        torch.onnx.export(
            _Graph(model).eval(),
            (ids, mask),
            precise,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={"input_ids": axes, "attention_mask": axes, "logits": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,  # the newer exporter needs onnxscript, and takes five times as long
        )
        quantize_dynamic(
            precise,
            small,
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_exclude=_head_nodes(precise),
        )


def _head_nodes(file: Path) -> list[str]:
    """The head's matrix products by name, which stay in float32.

    They are a small part of the time, and a head with large weights would lose its accuracy.
    """
    import onnx

    nodes = onnx.load(file).graph.node
    # The quantiser turns a Gemm into a MatMul with a name of its own.
    return [f"{node.name}_MatMul" for node in nodes if node.name.startswith("/head/")]


class OnnxModel:
    """One of these files, loaded on the CPU."""

    def __init__(self, file: Path, threads: int = 0) -> None:
        """`threads`: of an operator; 0: one for each core."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        providers = ["CPUExecutionProvider"]
        self.session: Any = onnxruntime.InferenceSession(file, options, providers=providers)

    @property
    def intents(self) -> int:
        """K: logits of a sentence."""
        (output,) = self.session.get_outputs()
        count: int = output.shape[1]
        return count

    def logits(self, tokens: Tokens) -> Tensor:
        """Logits (N, K) of a whole split in its own order."""
        (output,) = self.session.get_outputs()
        out = torch.empty(len(tokens), self.intents)
        for rows, batch in by_length(tokens):
            mask = torch.ones_like(batch.inputs) if batch.mask is None else batch.mask
            inputs = {"input_ids": batch.inputs.numpy(), "attention_mask": mask.numpy()}
            (logits,) = self.session.run([output.name], inputs)
            out[torch.from_numpy(rows)] = torch.from_numpy(logits)
        return out


class _Graph(nn.Module):
    """The classifier in transformers' own operators, which the exporter knows."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.transformer, self.head = model.encoder.transformer, model.head
        self.pooling = model.encoder.pooling

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        states = self.transformer(input_ids=input_ids, attention_mask=attention_mask)
        logits: Tensor = self.head(pool(states.last_hidden_state, attention_mask, self.pooling))
        return logits


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's warnings about what it traces, and the quantiser's advice."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)
