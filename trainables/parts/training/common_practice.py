"""Fine-tuning with values in common use today, for the regimes that are not the paper's own."""

from dataclasses import dataclass

from trainables.parts.config import Count, Dropout, Fraction, Rate
from trainables.parts.training.fine_tune import FineTune
from trainables.parts.training.schedule import Shape


@dataclass(frozen=True, kw_only=True)
class CommonPractice(FineTune):
    """A linear classifier, BERT's own dropout, and the learning rates of BERT's authors."""

    dropout: Dropout = 0.1
    """Probability that a unit of the sentence vector is zeroed before the classifier. BERT's own:
    https://arxiv.org/abs/1810.04805."""
    head_width: Count | None = None
    """Units of a hidden layer in the classifier; none: a single linear layer."""
    batch_size: Count = 32
    """Sentences in a mini-batch."""
    head_learning_rate: Rate = 1e-3
    """AdamW's peak learning rate of the classifier."""
    schedule: Shape = "linear"
    """Learning rate after the warm-up."""
    warmup_ratio: Fraction = 0.1
    """Fraction of the steps in which the learning rate rises. BERT's authors warm up for a tenth:
    https://github.com/google-research/bert."""
