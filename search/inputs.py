"""The inputs of a search: data read, checked and tokenised, pretrained weights loaded.

Once each.
"""

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, Unpack

import numpy as np
import torch

from analysis import paper
from search.cluster.node_report import has_bf16
from trainables.parts.data import corpus as corpora
from trainables.parts.data.corpus import Corpus
from trainables.parts.data.label_words import label_words
from trainables.parts.data.reading import Reading
from trainables.parts.data.tokens import Data, Metric, Tokens, tokenise
from trainables.parts.model import loading
from trainables.parts.model.encoder import Precision
from trainables.parts.model.pretrained import Pretrained

SEARCHED_SPLITS = ("train", "validation")
"""What workers of a search get; with cross-validation only the first."""


@dataclass(frozen=True)
class Prepared:
    """The inputs of a search or of a final training.

    The search's workers get `data` and `small`, and never `test`.
    """

    corpus: Corpus
    tokenizer: Any
    pretrained: Pretrained
    """The model with its whole vocabulary."""
    small: Pretrained
    """The model with only the tokens that occur in train and validation."""
    vocabulary: np.ndarray
    """Those tokens' ids, int32 (V',)."""
    data: Data
    """Train and validation, in the small model's ids."""
    test: Tokens | None
    """In the whole model's ids; for the winner only."""
    out_of_scope: dict[str, Tokens] = field(default_factory=dict)
    """Texts without an intent by their split, in the whole model's ids. They measure the final
    model; workers never get them."""
    notes: tuple[str, ...] = field(default=())
    """Warnings about the tokens, a line each. The corpus has those about the data."""

    @property
    def validation(self) -> Tokens:
        """The validation split, in the whole model's ids."""
        small = self.data.validation
        return replace(small, ids=self.vocabulary[small.ids], pad=self.tokenizer.pad_token_id or 0)

    @property
    def model_fingerprint(self) -> str:
        """Sixteen hex digits that change with any weight."""
        digest = hashlib.sha256()
        for name in sorted(self.pretrained.weights):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(self.pretrained.weights[name]).data)
        return digest.hexdigest()[:16]

    @property
    def why_not_comparable(self) -> str | None:
        """Why results on this data cannot be compared with the paper's, or None if they can."""
        if self.corpus.test is None:
            return "the data has no test split"
        if is_massive_english(self.corpus):
            return None
        if self.corpus.folds is not None:
            return "with --folds, it has not the splits that the paper's numbers were measured on"
        return "the data is not MASSIVE English, on which the paper's numbers were measured"


def is_massive_english(corpus: Corpus) -> bool:
    """Whether this is the paper's data, judged by split sizes, intents and words of the test split.

    The words tell English from MASSIVE's other languages, whose splits are as large.
    """
    sizes = {name: len(split) for name, split in corpus.splits.items()}
    if sizes != paper.SIZES or len(corpus.labels) != 60:
        return False
    words = {word for text in corpus.splits["test"].texts for word in text.lower().split()}
    intents = {"alarm_set", "iot_hue_lightup", "qa_factoid"}
    return intents <= set(corpus.labels) and {"the", "what", "please"} <= words


def default_sources(data: str | None, model: str | None) -> tuple[str, str, list[str]]:
    """Data and model where the user named none, and warnings if they are not the paper's.

    The paper's are MASSIVE English and bert-base-uncased, from the hub or its cache. If these are
    not available, the ones that come with Regimen are used.
    """
    banner = []
    if data is None:
        data = "massive"
        try:
            corpora.read(data)
        except ValueError:
            data = "embedded"
            banner.append(
                "MASSIVE English is not available (no hub access, not cached): using the embedded"
                " corpus; results are not compared with the paper"
            )
    if model is None:
        model = paper.ENCODER
        try:
            loading.load(model)
        except ValueError:
            model = loading.MINILM
            banner.append(
                f"{paper.ENCODER} is not available (no hub access, not cached): using the packaged"
                " MiniLM"
            )
    return data, model, banner


def prepare(
    data: str,
    model: str,
    *,
    max_tokens: int = 64,
    metric: Metric = "accuracy",
    epoch_size: int | None = None,
    corpus: Corpus | None = None,
    **reading: Unpack[Reading],
) -> Prepared:
    """Read, check, load and tokenise. `metric`: what validation judges by. `epoch_size`: training
    sentences in an epoch, if not all. `corpus`: what was read of the data already.

    Raises ValueError in one line if data or model are invalid.
    """
    if corpus is None:
        corpus = corpora.read(data, **reading)
    tokenizer = loading.load_tokenizer(model)
    pretrained = loading.load(model)
    limit = min(max_tokens, pretrained.max_length or max_tokens)
    tokens, notes = _tokenised(corpus, tokenizer, limit)
    _require_epoch_size(epoch_size, len(tokens["train"]), len(corpus.labels))
    words = [label_words(label) for label in corpus.labels]
    names, _ = tokenise(words, range(len(words)), tokenizer, limit)
    vocabulary = pretrained.vocabulary(
        *(tokens[name] for name in SEARCHED_SPLITS if name in tokens), names
    )
    small = pretrained.cut(vocabulary)
    pad = small.config.pad_token_id
    renumbered = {
        name: tokens[name].renumbered(vocabulary, pad) for name in SEARCHED_SPLITS if name in tokens
    }
    train = renumbered["train"]
    return Prepared(
        corpus,
        tokenizer,
        pretrained,
        small,
        vocabulary,
        Data(
            train,
            renumbered.get("validation", train),
            corpus.labels,
            names=names.renumbered(vocabulary, pad),
            metric=metric,
            epoch_size=epoch_size,
            folds=corpus.folds,
        ),
        tokens.get("test"),
        {
            name: tokenise(texts, [0] * len(texts), tokenizer, limit)[0]
            for name, texts in corpus.out_of_scope.items()
        },
        tuple(notes),
    )


def _tokenised(corpus: Corpus, tokenizer: Any, limit: int) -> tuple[dict[str, Tokens], list[str]]:
    """The splits as tokens, and a note for each in which texts were cut to `limit` tokens."""
    tokens, notes = dict[str, Tokens](), []
    for name, split in corpus.splits.items():
        tokens[name], cut = tokenise(split.texts, split.labels, tokenizer, limit)
        if cut:
            notes.append(
                f"{cut} of {len(split)} {name} texts are longer than {limit} tokens and were cut"
            )
    return tokens, notes


def _require_epoch_size(epoch_size: int | None, sentences: int, labels: int) -> None:
    if epoch_size is not None and not labels <= epoch_size < sentences:
        raise ValueError(
            f"epoch_size must be below the number of training sentences, {sentences:,}, and at"
            f" least the number of labels, {labels}; got {epoch_size}"
        )


def resolve_precision(choice: str, *, gpu: bool, native: bool | None = None) -> Precision:
    """What `auto` means: bf16 if the hardware supports it natively.

    `native` says whether the workers' GPUs or processors do. None: ask this machine's own.
    """
    if choice != "auto":
        return "fp32" if choice == "fp32" else "bf16"
    if native is None:
        native = torch.cuda.is_bf16_supported(including_emulation=False) if gpu else has_bf16()
    return "bf16" if native else "fp32"
