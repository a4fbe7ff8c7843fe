"""The GPU: its name, its software, and its rate on large bfloat16 matrix products."""

import platform
import statistics
import time
from dataclasses import dataclass

import torch
import transformers

from tests.benchmarks.gpu.job import JobContext
from tests.benchmarks.gpu.timer import drain

SIZE = {"cuda": 8192, "cpu": 1024}
PRODUCTS = {"cuda": 40, "cpu": 8}
"""In a round."""
ROUNDS = 5


@dataclass(frozen=True)
class Facts:
    """The conditions of the measurements."""

    device: str
    memory: int
    """Bytes of the card; 0 of a CPU."""
    rates: list[float]
    """bf16 FLOP a second, a round each."""
    versions: dict[str, str]

    @property
    def rate(self) -> float:
        """The median round."""
        return statistics.median(self.rates)


@dataclass(frozen=True)
class Card:
    """The job that measures it."""

    def run(self, context: JobContext) -> Facts:
        """Measure."""
        properties = torch.cuda.get_device_properties(0) if context.device == "cuda" else None
        versions = {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        }
        if properties:
            versions |= {
                "cuda": str(torch.version.cuda),
                "capability": f"{properties.major}.{properties.minor}",
            }
        name, memory = (properties.name, properties.total_memory) if properties else ("cpu", 0)
        return Facts(name, memory, matrix_rates(context.device), versions)


def matrix_rates(device: str) -> list[float]:
    """bf16 FLOP a second of square products, in each of `ROUNDS` after one that only warms up."""
    size, products = SIZE[device], PRODUCTS[device]
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    out = a @ b
    rates = []
    for _ in range(ROUNDS + 1):
        drain(device)
        began = time.perf_counter()
        for _ in range(products):
            torch.mm(a, b, out=out)
        drain(device)
        rates.append(2 * size**3 * products / (time.perf_counter() - began))
    return rates[1:]
