"""What torch makes of the GPUs that Ray gives to workers. The driver may have none itself."""

from dataclasses import dataclass

import ray
import torch
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

SHARE = 0.01
"""Of a GPU, while it is asked."""


@dataclass(frozen=True)
class Card:
    """A GPU as a worker's torch sees it."""

    bf16: bool
    """Whether it multiplies bfloat16 in hardware. Older ones emulate that, slower than float32."""
    free: int
    """Bytes that no process has, this worker's CUDA context apart."""


def cards() -> list[Card]:
    """A GPU of each node that has any, asked by a worker there.

    Raises ValueError where torch cannot use it.
    """
    nodes = [
        node["NodeID"]
        for node in ray.nodes()
        if node["Alive"] and node["Resources"].get("GPU", 0) >= 1
    ]
    try:
        found = ray.get(
            [
                _card.options(
                    scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)
                ).remote()
                for node in nodes
            ]
        )
    except ray.exceptions.RayError as error:
        raise OSError(
            f"a worker that looked at its GPU broke: {' '.join(str(error).split())[:200]}"
        ) from error
    unusable = next((card for card in found if isinstance(card, str)), None)
    if unusable:
        raise ValueError(
            f"torch cannot use the GPUs that Ray has ({unusable}); install a torch that can, or use"
            " --gpus-per-trial 0"
        )
    return list(found)


@ray.remote(num_cpus=0, num_gpus=SHARE, max_calls=1)
def _card() -> Card | str:
    """The GPU, or why torch has none."""
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return " ".join(str(error).split())[:200]
    return Card(
        torch.cuda.is_bf16_supported(including_emulation=False), torch.cuda.mem_get_info()[0]
    )
