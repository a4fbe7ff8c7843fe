"""The reference:

Hugging Face's `Trainer` on the same sentences, one training at a time, with its own defaults.
"""

import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments

from tests.benchmarks.gpu import sentences
from tests.benchmarks.gpu.job import JobContext
from tests.benchmarks.gpu.timer import MeasurementOver, Run, TrialTimer
from tests.benchmarks.work import Shape

SENTENCES = 11514
"""As many as MASSIVE has for training."""
FULL_VOCABULARY = 30522
"""BERT's own: Trainer does not cut the table."""


class _Lead(TrainerCallback):
    """Reports to the timer when a step begins, and on which sentences."""

    def __init__(self, timer: TrialTimer) -> None:
        self.timer = timer
        self.collated: list[np.ndarray] = []
        """Lengths of the mini-batches that were made and not trained on yet: Trainer makes the next
        one ahead."""

    def collate(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """A mini-batch padded to its longest sentence."""
        lengths = np.array([len(row["input_ids"]) for row in rows])
        self.collated.append(lengths)
        real = np.arange(lengths.max()) < lengths[:, None]
        ids = np.zeros(real.shape, dtype=np.int64)
        ids[real] = np.concatenate([row["input_ids"] for row in rows])
        labels = torch.tensor([row["labels"] for row in rows])
        return {
            "input_ids": torch.from_numpy(ids),
            "attention_mask": torch.from_numpy(real.astype(np.int64)),
            "labels": labels,
        }

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Trainer calls this before a step's forward pass."""
        self.timer.begin_step(self.collated.pop(0))


@dataclass(frozen=True)
class HuggingFace:
    """`Trainer` at a batch size, in bfloat16 where the trials have it; fused AdamW, shuffled,
    padded to the longest of a mini-batch."""

    batch_size: int
    seconds: float

    def run(self, context: JobContext) -> Run:
        """Train until the window is over."""
        cuda = context.device == "cuda"
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        ours = context.pretrained.config
        config = sentences.bert(ours.num_hidden_layers, ours.hidden_size, FULL_VOCABULARY)
        lead = _Lead(TrialTimer(context.device, context.release, self.seconds, profiled=False))
        tokens = sentences.sentences(SENTENCES, seed=0)
        ids = np.split(tokens.ids.astype(np.int64), tokens.offsets[1:-1])
        rows = [{"input_ids": row, "labels": int(label)} for row, label in zip(ids, tokens.labels)]
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                output_dir=folder,
                per_device_train_batch_size=self.batch_size,
                max_steps=10**6,
                learning_rate=1e-5,
                bf16=context.precision == "bf16",
                use_cpu=not cuda,
                report_to="none",
                save_strategy="no",
                logging_strategy="no",
                disable_tqdm=True,
                remove_unused_columns=False,
            )
            model = BertForSequenceClassification(config)
            trainer = Trainer(
                model, arguments, data_collator=lead.collate, train_dataset=rows, callbacks=[lead]
            )
            try:
                trainer.train()
            except MeasurementOver:
                free, total = torch.cuda.mem_get_info() if cuda else (0, 0)
        return Run(
            lead.timer.steps(Shape.of(config)),
            torch.cuda.max_memory_allocated() if cuda else 0,
            total - free,
        )
