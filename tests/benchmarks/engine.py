"""A training step, part by part: through transformers with autocast, and through the layers of
`trainables.parts.model.bert`.

One thread, the two sides alternating on the same mini-batches; milliseconds of processor time,
median and the middle half, and the share of it that the real tokens' products
(`tests.benchmarks.work`) would take at this thread's best rate.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice, repeat
from statistics import median, quantiles
from typing import Any

import torch
from torch.nn.functional import cross_entropy

import spaces
import trainables
from analysis.command import Parser
from search.inputs import Prepared, prepare, resolve_precision
from tests.benchmarks.work import Shape, training_flop
from trainables.parts.data.batches import MiniBatches
from trainables.parts.data.tokens import Batch
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Precision
from trainables.parts.training import optim

SIDES = {"transformers": False, "ours": True}
PARTS = ("forward", "backward", "gradient check", "optimiser")
WARM_UP = 5


@dataclass
class Side:
    """A model in training, and the seconds that each part of a step took."""

    model: Classifier
    optimizer: torch.optim.Optimizer
    seconds: dict[str, list[float]] = field(default_factory=lambda: {part: [] for part in PARTS})

    def step(self, batch: Batch) -> None:
        """One step of `loop.fit`, its parts timed."""
        parameters = [
            parameter for group in self.optimizer.param_groups for parameter in group["params"]
        ]
        self.optimizer.zero_grad()
        loss = self._timed("forward", lambda: cross_entropy(self.model(batch), batch.labels))
        self._timed("backward", loss.backward)
        self._timed("gradient check", lambda: optim.clip(parameters, None).item())
        self._timed("optimiser", self.optimizer.step)

    def _timed(self, part: str, run: Callable[[], Any]) -> Any:
        began = time.process_time()
        result = run()
        self.seconds[part].append(time.process_time() - began)
        return result


def side(prepared: Prepared, precision: Precision, batch_size: int, ours: bool) -> Side:
    """A fresh classifier and its optimiser, the second of the baseline's points in common use."""
    config = trainables.load("baseline").Config.from_dict(
        {**spaces.load("baseline").POINTS[1], "batch_size": batch_size}
    )
    torch.manual_seed(0)
    encoder = prepared.small.build(precision)
    encoder.has_bert_layers = encoder.has_bert_layers and ours
    model = Classifier.new(encoder, config, prepared.data.labels).train()
    groups = optim.parameter_groups(
        encoder, model.head, learning_rate=config.lr, head_learning_rate=config.head_lr
    )
    return Side(model, optim.build(config, groups))


def lengths(batch: Batch) -> list[int]:
    """Real tokens of each sentence."""
    return (
        [batch.inputs.shape[1]] * len(batch.inputs)
        if batch.mask is None
        else batch.mask.sum(dim=1).tolist()
    )


def best_rate(dtype: torch.dtype) -> float:
    """FLOP/s of a large product on one thread, the best of twenty."""
    size = 1536
    left, right = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
    best = float("inf")
    for _ in range(20):
        began = time.process_time()
        left @ right
        best = min(best, time.process_time() - began)
    return 2 * size**3 / best


def main(argv: Sequence[str] | None = None) -> None:
    """The program."""
    parser = Parser(prog="python -m tests.benchmarks.engine", description=__doc__)
    parser.add_argument("--data", default="embedded", help="as in search.run (default: embedded)")
    parser.add_argument("--model", default="minilm", help="as in search.run (default: minilm)")
    parser.add_argument(
        "--batch-size",
        type=int,
        nargs="+",
        default=[16, 64],
        help="sentences in a mini-batch (default: 16 64)",
    )
    parser.add_argument(
        "--precision",
        choices=("auto", "fp32", "bf16"),
        default="auto",
        help="of products (default: what a search takes)",
    )
    parser.add_argument("--steps", type=int, default=40, help="measured steps (default: 40)")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    prepared = prepare(arguments.data, arguments.model)
    precision = resolve_precision(arguments.precision, gpu=False)
    rate = best_rate(torch.bfloat16 if precision == "bf16" else torch.float32)
    print(
        f"{arguments.model}, {precision}, {rate / 1e9:.0f} GFLOP/s a thread at best; ms of"
        " processor time a step, median (middle half)"
    )
    for batch_size in arguments.batch_size:
        mini_batches = MiniBatches(prepared.data.train, batch_size, seed=0)
        batches = list(
            islice(
                (batch for _ in repeat(0) for batch in mini_batches.epoch(1)),
                arguments.steps + WARM_UP,
            )
        )
        sides = {name: side(prepared, precision, batch_size, ours) for name, ours in SIDES.items()}
        for batch in batches:
            for one in sides.values():
                one.step(batch)
        products = median(
            training_flop(lengths(batch), Shape.of(prepared.small.config)) / rate
            for batch in batches[WARM_UP:]
        )
        totals = {}
        for name, one in sides.items():
            parts = {
                part: [1000 * second for second in seconds[WARM_UP:]]
                for part, seconds in one.seconds.items()
            }
            total = [sum(step) for step in zip(*parts.values())]
            low, totals[name], high = quantiles(total, n=4)
            listed = ", ".join(f"{part} {median(values):.1f}" for part, values in parts.items())
            share = f"products {100 * 1000 * products / totals[name]:.0f} %"
            print(
                f"batch {batch_size:4d}  {name:12s} {totals[name]:6.1f} ({low:.1f}-{high:.1f}):"
                f" {listed}; {share}"
            )
        print(f"batch {batch_size:4d}  ratio {totals['ours'] / totals['transformers']:.3f}")


if __name__ == "__main__":
    main()
