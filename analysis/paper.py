"""The paper's results and hyperparameters as data, and our reading of what it leaves open.

Source: "A Deep Dive into BERT and Contrastive Learning", Zheng, del Rosario, Nguyen, Liu, Tran; UC
San Diego. Numbers are as printed. Every inference is a footnote, which is shown with each
comparison that depends on it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

CITATION = (
    '"A Deep Dive into BERT and Contrastive Learning" (Hargen Zheng, Nathaniel del Rosario, Chuong'
    " Nguyen, Ziyue Liu, Adam Tran; University of California, San Diego)"
)
ENCODER = "bert-base-uncased"
"""The encoder we take to be the paper's: see the footnote `encoder`."""
SIZES = {"train": 11_514, "validation": 2_033, "test": 2_974}
"""Utterances per split of MASSIVE English; the paper states only the test split's."""


@dataclass(frozen=True)
class PaperRow:
    """A row of Table 7: one training run, evaluated once on the test split."""

    index: int
    """The paper's "Exp Idx"."""
    regime: str
    """The regime's name here."""
    name: str
    """The paper's name for it."""
    test_loss: float
    """In the paper's definition, which is not a mean cross-entropy: see the footnote `loss`."""
    test_accuracy: float
    """Correct / total, as a fraction."""
    loss_batch_size: int
    """The test batch size inferred from `test_loss`: see the footnote `loss`."""


TABLE_7 = (
    PaperRow(1, "untuned", "Test set before fine-tuning", 0.0166073, 0.0097512, 256),
    PaperRow(2, "baseline", "Test set after fine-tuning", 0.0641283, 0.8493611, 16),
    PaperRow(3, "llrd", "Test set with <Layer-wise Learning Rate Decay>", 0.0665530, 0.8117014, 16),
    PaperRow(4, "warmup", "Test set with <Warmup Steps>", 0.0595268, 0.8540686, 16),
    PaperRow(5, "llrd_warmup", "Test set with <LLRD and Warmup Steps>", 0.0645733, 0.8823134, 16),
    PaperRow(6, "supcon", "Test set with SupContrast", 0.0106450, 0.8739072, 64),
    PaperRow(7, "simclr", "Test set with SimCLR", 0.0030572, 0.8074916, 256),
)
BEST = max(TABLE_7, key=lambda row: row.test_accuracy)
"""The regime with which the paper had its highest test accuracy."""
TABLE_8 = {"supcon": 285.7891606, "simclr": 119.4280379}
"""Contrastive training loss of the last epoch by regime (epoch 10 and epoch 13).

See the footnote `contrastive-loss`."""

HYPERPARAMETERS: dict[str, dict[str, int | float | str | bool]] = {
    "baseline": {
        "epochs": 10,
        "batch_size": 16,
        "learning_rate": 1e-4,
        "schedule": "CosineAnnealing",
        "dropout": 0.9,
        "schedule_iterations": 10,
        "min_learning_rate": 1e-6,
        "optimizer": "AdamW",
        "momentum": False,
    },
    "llrd": {
        "epochs": 10,
        "batch_size": 16,
        "head_learning_rate": 1e-2,
        "learning_rate": 1e-4,
        "layerwise_decay": 0.9,
        "schedule": "Layer-wise Learning Rate Decay (LLRD)",
        "optimizer": "AdamW",
        "momentum": False,
    },
    "warmup": {
        "epochs": 10,
        "batch_size": 16,
        "learning_rate": 1e-4,
        "schedule": "Linear with Warmup Steps",
        "warmup_ratio": 0.2,
        "optimizer": "AdamW",
        "momentum": False,
    },
    "llrd_warmup": {
        "epochs": 10,
        "batch_size": 16,
        "head_learning_rate": 1e-2,
        "learning_rate": 1e-4,
        "layerwise_decay": 0.9,
        "schedule": "Linear with LLRD and Warmup Steps",
        "warmup_ratio": 0.2,
        "optimizer": "AdamW",
        "momentum": False,
    },
    "supcon": {
        "epochs": 10,
        "batch_size": 64,
        "learning_rate": 1e-4,
        "head_learning_rate": 1e-4,
        "schedule": "Linear with LLRD and Warmup Steps (Both)",
        "warmup_ratio": 0.2,
        "optimizer": "AdamW",
        "momentum": False,
    },
    "simclr": {
        "epochs": 13,
        "head_epochs": 20,
        "batch_size": 256,
        "dropout": 0.9,
        "learning_rate": 1e-5,
        "head_learning_rate": 1e-2,
        "schedule": "Linear with LLRD and Warmup Steps (Both)",
        "warmup_ratio": 0.2,
        "optimizer": "SGD",
        "momentum": 0.99,
    },
}
"""Tables 1 to 6 by regime, each cell as printed, under the names of our Config fields."""


@dataclass(frozen=True)
class Footnote:
    """A detail that the paper leaves open or states inconsistently, and our reading of it."""

    key: str
    paper: str
    """What the paper says."""
    reading: str
    """How it is read here."""
    regimes: tuple[str, ...] = ()
    """The regimes it concerns; empty for every row of Table 7."""

    def __str__(self) -> str:
        return f"{self.paper} {self.reading}"


CONTRASTIVE = ("supcon", "simclr")
FOOTNOTES = (
    Footnote(
        "encoder",
        "The paper does not name its BERT, only its width of 768; its text mentions eleven"
        " transformer layers.",
        f"We take it to be {ENCODER}, which has twelve.",
    ),
    Footnote(
        "data",
        "The paper does not name MASSIVE's language, and of the splits only the size of the test"
        " split.",
        "We take it to be English, with MASSIVE's own splits: "
        f"{SIZES['train']:,} train, {SIZES['validation']:,} validation, {SIZES['test']:,} test.",
    ),
    Footnote(
        "single-run",
        "Each published number comes from one training run; its seed and how its epoch was chosen"
        " are not given.",
        "Their spread over seeds is unknown. We assume that it equals the spread over our seeds.",
    ),
    Footnote(
        "loss",
        "The paper describes its test loss as an average that gives the total when multiplied by"
        " 2,974, but its numbers are far too small to be mean cross-entropies at its accuracies.",
        "Inferred: they fit the mean cross-entropy of each batch, summed over the test batches and"
        " divided by the number of test examples, with batch sizes of 256 (rows 1, 7), 16 (rows 2"
        " to 5) and 64 (row 6). Row 1 then gives a mean cross-entropy of 4.116; ln 60, a uniform"
        " guess, is 4.094. We report the mean cross-entropy, and the paper's quantity at the"
        " winner's batch size.",
    ),
    Footnote(
        "percent",
        'The text has an accuracy of "0.00975%" before fine-tuning; Table 7 has 0.0097512, which is'
        " 0.975 %.",
        "We use the table's.",
        ("untuned",),
    ),
    Footnote(
        "cosine",
        "Table 1 has cosine annealing with T_max 10, without a unit; the text describes a rate that"
        " is reset periodically.",
        "We use one half-cosine over the ten epochs, updated after every batch.",
        ("baseline",),
    ),
    Footnote(
        "dropout",
        "Tables 2 to 4 give no dropout; section 3.1 has 0.9 before the classifier of the model they"
        " modify.",
        "We use 0.9 for all of them.",
        ("llrd", "warmup", "llrd_warmup"),
    ),
    Footnote(
        "llrd-rates",
        "Table 2 has one learning rate for the classifier; the text has 0.01 for its first layer"
        " and 0.009 for its second. The decay starts at the pooling layer and ends at about 2e-5.",
        "We use both rates for this regime and one rate for both layers in the others, and apply"
        " 0.9 once per layer from the pooler down.",
        ("llrd", "llrd_warmup"),
    ),
    Footnote(
        "cls",
        "Section 3.1 classifies [CLS] of the last hidden layer; section 3.2 mentions the pooling"
        " layer's output.",
        "We use [CLS] of the last hidden state, without the pooler.",
    ),
    Footnote(
        "activation",
        'The two linear layers of the classifier are called an "unlinear bottleneck"; no activation'
        " is named.",
        "We use ReLU between them; the search space also contains no activation.",
    ),
    Footnote(
        "warmup-peak",
        "In the text, the warm-up ends at 1e-5; Tables 3 and 4 have 1e-4.",
        "We use the tables' value; the other one is in the search range.",
        ("warmup", "llrd_warmup"),
    ),
    Footnote(
        "weight-decay",
        "No weight decay is given.",
        "We use torch's defaults: 0.01 for AdamW, 0 for SGD.",
    ),
    Footnote(
        "length",
        "The maximum input length is not given.",
        "We truncate at 64 tokens by default; nothing in MASSIVE English is longer.",
    ),
    Footnote(
        "temperature",
        "The temperature of the contrastive losses is not given.",
        "Trial 0 uses the values of the methods' own papers, 0.07 for SupCon and 0.5 for SimCLR;"
        " the search varies them.",
        CONTRASTIVE,
    ),
    Footnote(
        "views",
        "The only augmentation is dropout, applied twice to one [CLS] vector.",
        'This is views="head_dropout". The space of SimCLR also contains two passes through the'
        ' encoder, as in SimCSE: views="encoder_dropout".',
        CONTRASTIVE,
    ),
    Footnote(
        "projection",
        "The projection before the contrastive loss is one linear layer; its width is not given.",
        "We use 128 dimensions, as in the SupCon paper.",
        CONTRASTIVE,
    ),
    Footnote(
        "decay",
        "Tables 5 and 6 mention layer-wise decay without its factor.",
        "We use the 0.9 of Tables 2 and 4.",
        CONTRASTIVE,
    ),
    Footnote(
        "supcon-gaps",
        "Table 5 gives neither dropout nor the epochs of the classifier stage.",
        "We use 0.1, BERT's own dropout, and the 20 epochs of Table 6.",
        ("supcon",),
    ),
    Footnote(
        "simclr-optimizer",
        "Table 6 gives one optimiser for two stages.",
        "We use SGD with momentum 0.99 in both.",
        ("simclr",),
    ),
    Footnote(
        "simclr-accuracy",
        "Multiplied by 2,974, the other accuracies of Table 7 give whole numbers of correct"
        " utterances; SimCLR's gives 2,401.48.",
        "We use it as printed; the paper does not explain it.",
        ("simclr",),
    ),
    Footnote(
        "contrastive-loss",
        "Table 8 has 285.79 for SupCon and 119.43 for SimCLR, without saying what is summed.",
        "Inferred: a sum over the batches of the last epoch, 180 of 64 sentences and 45 of 256. We"
        " report sum and mean.",
        CONTRASTIVE,
    ),
    Footnote(
        "which-baseline",
        "According to answer 10, neither contrastive regime beats the baseline; in Table 7, SupCon"
        " has 0.874 and row 2 has 0.849.",
        "We take row 5, layer-wise decay with warm-up, to be the baseline meant there.",
        CONTRASTIVE,
    ),
)


def row(regime: str) -> PaperRow | None:
    """The row of Table 7 for a regime; None if the paper does not have it."""
    return next((row for row in TABLE_7 if row.regime == regime), None)


def footnotes(regimes: Iterable[str]) -> list[Footnote]:
    """The footnotes for a table with these regimes; empty if none of them is the paper's."""
    shown = {regime for regime in regimes if row(regime)}
    return [note for note in FOOTNOTES if shown and (not note.regimes or shown & set(note.regimes))]
