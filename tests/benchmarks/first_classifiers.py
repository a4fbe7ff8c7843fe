"""What the first classifiers of fine-tuning know of few examples: nothing is trained.

Encodes a data set with the packaged MiniLM, draws few-shot tasks from its training rows, and prints
the accuracy on validation of classifiers in closed form: class prototypes with the labels' own
words at several weights, ridge regression (`lp_ft`) and logistic regression (the floor `probe`, at
a fixed C). ± is the 95 % interval of Student's t over the draws. The last column is the paired
difference to prototypes without names.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from analysis.command import OK, Parser, exit_code
from analysis.intervals import mean_interval
from search.inputs import prepare, resolve_precision
from trainables.parts.data.subsets import few_shot
from trainables.parts.model.classifier import vectors
from trainables.parts.training.logistic import logistic
from trainables.parts.training.prototypes import prototypes
from trainables.parts.training.ridge import ridge

WEIGHTS = (0.0, 0.1, 0.25, 0.5, 1.0)
"""Of the name in the prototype."""
C = 0.1
"""Of the logistic regression."""


def accuracies(data: str, shots: int, draws: int, limit: int | None) -> dict[str, list[float]]:
    """The accuracy of each classifier on each draw, by its name."""
    prepared = prepare(data, "minilm", limit=limit)
    encoder = prepared.small.build(resolve_precision("auto", gpu=False))
    encoder.pooling = "mean"
    assert prepared.data.names is not None
    train, validation, names = (
        vectors(encoder, split).clone()
        for split in (prepared.data.train, prepared.data.validation, prepared.data.names)
    )
    labels, truth = prepared.data.train.targets, prepared.data.validation.targets
    intents = len(prepared.data.labels)
    found: dict[str, list[float]] = {}
    for draw in range(draws):
        rows = torch.tensor(few_shot(labels.tolist(), shots, draw))
        own, targets = train[rows], labels[rows]
        solution = ridge(own, targets, intents)
        weight, bias = map(torch.from_numpy, logistic(own, targets, intents, C))
        logits = {
            f"prototypes, names {share:g}": _cosines(
                validation, prototypes(own, targets, intents, names, share)
            )
            for share in WEIGHTS
        }
        logits["ridge regression"] = validation.double() @ solution.weight.T + solution.bias
        logits["logistic regression"] = validation.double() @ weight.double().T + bias.double()
        for name, outputs in logits.items():
            right = (outputs.argmax(dim=1) == truth).double().mean().item()
            found.setdefault(name, []).append(right)
    return found


def _cosines(sentences: Tensor, weight: Tensor) -> Tensor:
    """A sentence's length changes no prediction, so it is left in."""
    return sentences @ weight.T


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    parser = Parser(prog="python -m tests.benchmarks.first_classifiers", description=__doc__)
    parser.add_argument("--data", default="embedded", metavar="SOURCE")
    parser.add_argument("--limit", type=int, metavar="N", help="training rows to draw from")
    parser.add_argument("--shots", type=int, default=5, metavar="N")
    parser.add_argument("--draws", type=int, default=10, metavar="N")
    args = parser.parse_args(argv)
    return exit_code(lambda: _print(args.data, args.shots, args.draws, args.limit))


def _print(data: str, shots: int, draws: int, limit: int | None) -> int:
    found = accuracies(data, shots, draws, limit)
    bare = found[f"prototypes, names {WEIGHTS[0]:g}"]
    for name, values in found.items():
        gain = mean_interval([one - other for one, other in zip(values, bare)])
        half = 0.0 if gain.half_width is None else 100 * gain.half_width
        mean = mean_interval(values)
        print(f"{name:24} {mean.percent:24} {100 * gain.mean:+.1f} ± {half:.1f}", flush=True)
    return OK


if __name__ == "__main__":
    raise SystemExit(main())
