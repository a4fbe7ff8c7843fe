"""What training has to multiply at least: the matrix products of real tokens, padding left out.

Per token and layer a forward pass is 2 (4 D^2 + 2 D F) FLOP in the linear maps and 4 T D in
attention, with D the width, F the feed-forward layer's, T the tokens of the token's own sentence;
the backward pass is twice the forward one. Embeddings, norms, dropout, the classifier and the
optimiser are left out, and so is validation: they take time, and count as none of the work.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shape:
    """What the work depends on."""

    layers: int
    width: int
    feed_forward: int

    @classmethod
    def of(cls, config: Any) -> "Shape":
        """Of a model's config. Raises ValueError for a model that is not built as BERT is."""
        names = ("num_hidden_layers", "hidden_size", "intermediate_size")
        missing = [name for name in names if not isinstance(getattr(config, name, None), int)]
        if missing:
            raise ValueError(
                f"model is one whose config.json has {', '.join(names)}, as BERT's; this one has no"
                f" {missing[0]}"
            )
        return cls(*(getattr(config, name) for name in names))


def forward_flop(tokens: int, shape: Shape) -> int:
    """Of one sentence of so many tokens."""
    linear = 2 * (4 * shape.width**2 + 2 * shape.width * shape.feed_forward)
    attention = 4 * tokens * shape.width
    return shape.layers * tokens * (linear + attention)


def training_flop(lengths: Iterable[int], shape: Shape) -> int:
    """Of one epoch over sentences of these lengths: forward and backward."""
    return 3 * sum(forward_flop(int(tokens), shape) for tokens in lengths)
