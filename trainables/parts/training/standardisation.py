"""Standard deviations that vectors can be divided by: none is next to nothing."""

from torch import Tensor

SMALLEST = 1e-6
"""Of vectors that are all the same."""
SMALLEST_PART = 0.01
"""Of the median deviation. Some components of an encoder hardly vary: one of MiniLM's 384 has a
deviation of 2e-9, the others of 0.1 to 0.4. Standardised, it would get a weight tens of thousands
of times larger than theirs, for no accuracy."""


def divisors(deviations: Tensor) -> Tensor:
    """The standard deviations (D,) of vectors, those next to nothing raised."""
    return deviations.clamp(min=max(SMALLEST, SMALLEST_PART * deviations.median().item()))
