"""What torch can do with the GPUs that Ray gives to workers. The driver may have none itself."""

from dataclasses import dataclass

import ray
import torch
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from trainables.parts.quote import reason

QUERY_GPU_FRACTION = 0.01
"""Fraction of a GPU that the query itself reserves."""


@dataclass(frozen=True)
class Card:
    """A GPU as a worker's torch sees it."""

    bf16: bool
    """Whether it multiplies bfloat16 in hardware. Older cards emulate it, slower than float32."""
    free: int
    """Bytes that no process uses, besides this worker's CUDA context."""


def cards() -> list[Card]:
    """One GPU of each node that has any, queried by a worker on that node.

    Raises ValueError where torch cannot use it, OSError where the worker dies.
    """
    nodes = [
        node["NodeID"]
        for node in ray.nodes()
        if node["Alive"] and node["Resources"].get("GPU", 0) >= 1
    ]
    queries = [
        _card.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote()
        for node in nodes
    ]
    try:
        answers = ray.get(queries)
    except ray.exceptions.RayError as error:
        raise OSError(f"a worker died while it queried its GPU: {reason(error)}") from error
    unusable = next((answer for answer in answers if isinstance(answer, str)), None)
    if unusable:
        raise ValueError(
            f"torch cannot use Ray's GPUs ({unusable}); install a torch that can, or use"
            " --gpus-per-trial 0"
        )
    return list(answers)


@ray.remote(num_cpus=0, num_gpus=QUERY_GPU_FRACTION, max_calls=1)
def _card() -> Card | str:
    """The GPU, or why torch cannot use it."""
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return reason(error)
    return Card(
        torch.cuda.is_bf16_supported(including_emulation=False), torch.cuda.mem_get_info()[0]
    )
