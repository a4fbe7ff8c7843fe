"""Fine-tune the encoder and the classifier together, by cross-entropy or another objective.

Rows 2 to 5 of the paper's Table 7, and the regimes that vary them.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Literal

import torch

from trainables.parts.config import Count
from trainables.parts.data.batches import MiniBatches
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.head import Head
from trainables.parts.training.averaging import NO_AVERAGE, Averaging
from trainables.parts.training.cross_entropy import CrossEntropy, Loss, cross_entropy
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.frozen import start_from_ridge
from trainables.parts.training.loop import Training, fit
from trainables.parts.training.optim import LayerFactor, Rates, parameter_groups, uniform
from trainables.parts.training.scores import scores
from trainables.parts.training.step import Objective


@dataclass(frozen=True, kw_only=True)
class FineTune(Head, Rates, Training, CrossEntropy):
    """The hyperparameters of all fine-tuning regimes, with the paper's values."""

    batch_size: Count = 16
    """Sentences in a mini-batch."""
    head_init: Literal["random", "ridge"] = "random"
    """The classifier's first weights: random (the paper), or a ridge regression on the pretrained
    encoder's vectors. Ridge makes the classifier one linear layer."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.head_init == "ridge":
            object.__setattr__(self, "head_width", None)  # the closed form is one linear layer

    @property
    def reads_encoded(self) -> bool:
        """Whether training reads `Data.encoded`."""
        return self.head_init == "ridge"


def classification(model: Classifier, loss: Loss) -> Objective:
    """The mean cross-entropy of the mini-batch."""
    return Objective(model, loss)


def fine_tune(
    config: FineTune,
    data: Data,
    encoder: Encoder,
    *,
    epochs: int,
    seed: int,
    layer_factor: LayerFactor = uniform,
    head_decay: float = 1.0,
    objective: Callable[[Classifier, Loss], Objective] = classification,
    averaging: Averaging = NO_AVERAGE,
    sentences_per_label: int = 1,
) -> Generator[Epoch, None, Classifier]:
    """Train all parameters, validate after each epoch, and return the trained classifier.

    `objective` makes what is minimised of the classifier and its cross-entropy.
    `sentences_per_label` of a label stand side by side.
    """
    torch.manual_seed(seed)
    model = Classifier.new(encoder, config, data.labels)
    if config.head_init == "ridge":
        start_from_ridge(model, data)
    targets = data.validation.targets

    yield from fit(
        model,
        config,
        parameter_groups(
            encoder,
            model.head,
            learning_rate=config.lr,
            head_learning_rate=config.head_lr,
            layer_factor=layer_factor,
            head_decay=head_decay,
        ),
        MiniBatches(data.train, config.batch_size, seed, data.epoch_size, sentences_per_label),
        objective(model, cross_entropy(config, data.train.targets, len(data.labels))),
        lambda: scores(model.logits(data.validation), targets),
        stage="fine-tune",
        epochs=epochs,
        kept=data.kept,
        averaging=averaging,
    )
    return model
