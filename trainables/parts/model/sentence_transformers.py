"""The files by which sentence-transformers loads a model's folder: its encoder and its pooling.

Format: https://sbert.net/docs/sentence_transformer/usage/custom_models.html
"""

from typing import Any

from trainables.parts.model.pooling import Pooling

POOLING_FOLDER = "1_Pooling"


def sentence_transformers_files(
    pooling: Pooling, width: int, max_tokens: int
) -> dict[str, list[Any] | dict[str, Any]]:
    """The content of each JSON file, by its path in the folder.

    The vectors (N, `width`) are those that the classifier's head reads.
    """
    modules = {"Transformer": "", "Pooling": POOLING_FOLDER}
    return {
        "modules.json": [
            {
                "idx": index,
                "name": str(index),
                "path": path,
                "type": f"sentence_transformers.models.{name}",
            }
            for index, (name, path) in enumerate(modules.items())
        ],
        "sentence_bert_config.json": {"max_seq_length": max_tokens, "do_lower_case": False},
        f"{POOLING_FOLDER}/config.json": {
            "word_embedding_dimension": width,
            "pooling_mode_cls_token": pooling == "cls",
            "pooling_mode_mean_tokens": pooling == "mean",
            "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False,
        },
    }
