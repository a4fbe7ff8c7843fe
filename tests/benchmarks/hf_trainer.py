"""A Hugging Face `Trainer` for intent classification, as its users write one.

The model is the equal of Regimen's: an encoder from `AutoModel`, the last hidden state of [CLS],
dropout, a linear layer (`AutoModelForSequenceClassification` would put BERT's pooler between).
Sentences are tokenised once, and a mini-batch is padded to its longest (`DataCollatorWithPadding`).
Optimiser (fused AdamW), clipping at 1 and everything else that is not named are Trainer's defaults.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, disable_progress_bars
from torch import Tensor, nn
from transformers import (
    AutoModel,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.utils import logging

from trainables.parts.data import corpus as corpora
from trainables.parts.data.corpus import Split
from trainables.parts.model import head
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.head import Head
from trainables.parts.training import optim, schedule
from trainables.parts.training.fine_tune import FineTune

MAX_TOKENS = 64
"""Longer texts are cut, as Regimen does."""


class SentenceClassifier(nn.Module):
    """From token ids to loss and logits, as `Trainer` expects of a model."""

    def __init__(self, encoder: str, config: Head, labels: int) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(encoder)
        self.encoder.pooler = None  # reads [CLS] after us: unused, and would only be carried along
        self.classifier = head.build(config, self.encoder.config.hidden_size, labels)
        self.hyperparameters = config

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Logits (B, K) of token ids (B, T); with labels (B,), also the mean cross-entropy."""
        hidden = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask
        ).last_hidden_state  # (B, T, D)
        logits = self.classifier(hidden[:, 0])
        loss = {} if labels is None else {"loss": nn.functional.cross_entropy(logits, labels)}
        return {**loss, "logits": logits}


class Stamps(TrainerCallback):
    """Writes a trial's begin, epochs and end, one JSON object per line."""

    def __init__(self, path: str) -> None:
        self.path = path

    def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        self.trial = f"{os.getpid()}-{time.monotonic_ns()}"
        stamp(
            self.path,
            "begin",
            trial=self.trial,
            learning_rate=args.learning_rate,
            threads=torch.get_num_threads(),
        )

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        self.began = time.perf_counter()

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: dict[str, float], **rest: Any
    ) -> None:
        seconds = time.perf_counter() - self.began
        stamp(
            self.path, "epoch", trial=self.trial, accuracy=metrics["eval_accuracy"], seconds=seconds
        )

    def on_train_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        stamp(self.path, "end", trial=self.trial)


def stamp(path: str, event: str, **facts: Any) -> None:
    """Append a line to the file of events in one write, so that processes do not mix lines."""
    line = json.dumps({"event": event, "at": time.time(), **facts}) + "\n"
    with open(path, "ab", buffering=0) as file:
        file.write(line.encode())


class RegimeTrainer(Trainer):
    """A Trainer with the optimiser and the schedule of a fine-tuning regime."""

    optimizer: Any
    lr_scheduler: Any

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Parameter groups with a learning rate each."""
        if self.optimizer is None:
            config: FineTune = self.model.hyperparameters
            groups = optim.parameter_groups(
                Encoder(self.model.encoder),
                self.model.classifier,
                learning_rate=config.lr,
                head_learning_rate=config.head_lr,
                layer_factor=optim.decaying(getattr(config, "layerwise_decay", 1.0)),
                head_decay=getattr(config, "head_decay", 1.0),
            )
            self.optimizer = optim.build(config, groups)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Warm-up, then constant, linear or cosine down to the regime's minimum."""
        if self.lr_scheduler is None:
            self.lr_scheduler = schedule.build(
                self.model.hyperparameters, optimizer or self.optimizer, num_training_steps
            )
        return self.lr_scheduler


def build(
    trainer: type[Trainer],
    model_init: Callable[..., SentenceClassifier],
    data: Path,
    model: str,
    stamps: str,
    **arguments: Any,
) -> Trainer:
    """A Trainer on a folder of train.jsonl and validation.jsonl that evaluates every epoch, saves
    nothing and stays on the CPU."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    disable_progress_bars()
    corpus, tokenizer = corpora.read(str(data)), AutoTokenizer.from_pretrained(model)
    usual = {
        "eval_strategy": "epoch",
        "save_strategy": "no",
        "report_to": [],
        "per_device_eval_batch_size": 64,
    }
    quiet = {
        "use_cpu": True,
        "dataloader_pin_memory": False,
        "disable_tqdm": True,
        "log_level": "error",
    }
    return trainer(
        model_init=model_init,
        args=TrainingArguments(**usual, **quiet, **arguments),
        train_dataset=tokenised(corpus.train, tokenizer),
        eval_dataset=tokenised(corpus.validation, tokenizer),
        data_collator=DataCollatorWithPadding(tokenizer),
        processing_class=tokenizer,
        compute_metrics=accuracy,
        callbacks=[Stamps(stamps)],
    )


def tokenised(split: Split, tokenizer: Any) -> Dataset:
    """A split as token ids and labels."""
    rows = Dataset.from_dict({"text": list(split.texts), "label": list(split.labels)})
    return rows.map(
        lambda batch: tokenizer(batch["text"], truncation=True, max_length=MAX_TOKENS),
        batched=True,
        remove_columns=["text"],
    )


def accuracy(predicted: Any) -> dict[str, float]:
    """Correct / total."""
    return {
        "accuracy": float((predicted.predictions.argmax(axis=-1) == predicted.label_ids).mean())
    }
