"""Data from the Hugging Face hub: read from its cache, and reachable or offline."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.trainables.parts.data.labelled import (
    OTHER,
    TRAIN,
    Row,
    jsonl,
    refusal,
    rows_of,
)
from trainables.parts.data import corpus as data
from trainables.parts.data import hub


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes data sets into an empty cache, laid out as `datasets` leaves it after a download."""
    import datasets
    from datasets.packaged_modules.json.json import Json

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")

    def put(name: str, config: str, classes: list[str] | None = None, **splits: list[Row]) -> None:
        label = datasets.ClassLabel(names=classes) if classes else datasets.Value("string")
        files = {
            split: str(jsonl(tmp_path / f"{split}.jsonl", rows)) for split, rows in splits.items()
        }
        builder = Json(
            cache_dir=str(tmp_path / "build"),
            dataset_name=name.split("/")[1],
            config_name=config,
            hash="0",
            data_files=files,
            features=datasets.Features(text=datasets.Value("string"), label=label),
        )
        builder.download_and_prepare()
        shutil.move(
            builder.cache_dir,
            tmp_path / "cache" / name.replace("/", "___") / config / "0.0.0" / "0",
        )

    return put


def test_hub_data_is_read_from_the_cache_without_a_network(hub_cache: Callable[..., None]) -> None:
    hub_cache("someone/intents", "default", train=TRAIN, validation=OTHER, test=OTHER[:1])
    corpus = data.read("hub:someone/intents")
    for split, rows in (("train", TRAIN), ("validation", OTHER), ("test", OTHER[:1])):
        assert rows_of(corpus, split) == [(row["text"], row["label"]) for row in rows]


def test_hub_data_with_numbered_classes_has_their_names(hub_cache: Callable[..., None]) -> None:
    numbered = [{**row, "label": ["greet", "leave"].index(row["label"])} for row in TRAIN]
    hub_cache("someone/numbered", "default", classes=["greet", "leave"], train=numbered)
    corpus = data.read("hub:someone/numbered")
    assert sorted(rows_of(corpus, "train") + rows_of(corpus, "validation")) == sorted(
        (row["text"], row["label"]) for row in TRAIN
    )


@pytest.mark.parametrize("label", [None, -1])
def test_hub_row_without_a_class_is_one_line_that_names_the_data(
    hub_cache: Callable[..., None], label: int | None
) -> None:
    numbered = [{**row, "label": index % 2} for index, row in enumerate(TRAIN)]
    test = [{"text": "unlabelled", "label": label}]
    hub_cache(
        "someone/unlabelled", "default", classes=["greet", "leave"], train=numbered, test=test
    )
    assert "hub:someone/unlabelled" in refusal("hub:someone/unlabelled")


@pytest.mark.parametrize("source", ["massive", "massive:en", "massive:en-US"])
def test_massive_is_the_hubs_english_from_the_cache(
    hub_cache: Callable[..., None], source: str
) -> None:
    hub_cache("mteb/amazon_massive_intent", "en", train=TRAIN)
    assert data.read(source).labels == ("greet", "leave")


@pytest.mark.parametrize(
    "source", ["hub:someone/absent", "hub:someone/intents:other", "massive", "massive:de-DE"]
)
def test_hub_data_that_is_not_cached_is_refused_at_once_without_a_network(
    hub_cache: Callable[..., None], source: str
) -> None:
    hub_cache("someone/intents", "default", train=TRAIN)
    began = time.perf_counter()
    message = refusal(source)
    assert f"data '{source}' is neither on the hub nor in its cache" in message
    assert time.perf_counter() - began < 5


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A process that has not checked the hub yet; what the check changes is restored."""
    import huggingface_hub.constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    return monkeypatch


def test_a_hub_that_answers_is_reachable(online: pytest.MonkeyPatch) -> None:
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # answers 501, which is an answer
    threading.Thread(target=server.handle_request, daemon=True).start()
    online.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    assert hub.reachable.__wrapped__()
    server.server_close()
    assert os.environ["HF_HUB_OFFLINE"] == "0"


def test_a_hub_that_does_not_answer_takes_the_process_offline(online: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening
        online.setenv("HF_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert not hub.reachable.__wrapped__()
    assert os.environ["HF_HUB_OFFLINE"] == "1" and huggingface_hub.constants.HF_HUB_OFFLINE
