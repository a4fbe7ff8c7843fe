"""What a search is given: data and model prepared once, defaults where nothing is named, and never
the test split."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import trainables
from analysis import paper
from search.inputs import default_sources, is_massive_english, prepare, resolve_precision
from search.spec import SearchSpec
from search.trials import gpu_memory as memory
from tests import tiny
from trainables.parts.data import corpus as corpora
from trainables.parts.data.corpus import Corpus, Split
from trainables.parts.data.tokens import Data, Tokens
from trainables.parts.training.cross_validation import folds


def test_what_workers_get_is_the_same_with_and_without_a_test_split(
    model_folder: Path, tmp_path: Path
) -> None:
    whole, without = tiny.write_corpus(tmp_path / "whole"), tiny.write_corpus(tmp_path / "without")
    (whole / "test.jsonl").write_text(
        '{"text": "guitar umbrella noodles zebra", "label": "alarm_set"}\n'
    )
    (without / "test.jsonl").unlink()
    one, other = prepare(str(whole), str(model_folder)), prepare(str(without), str(model_folder))
    assert one.test is not None and other.test is None
    assert pickle.dumps((one.data, one.small)) == pickle.dumps((other.data, other.small)).replace(
        b"without", b"whole"
    )


def test_the_small_model_sees_train_and_validation_as_the_whole_one_does(
    model_folder: Path, tmp_path: Path
) -> None:
    prepared = prepare(str(tiny.write_corpus(tmp_path / "c")), str(model_folder))
    rows = np.arange(7)
    tokens = prepared.data.validation
    original = Tokens(
        prepared.vocabulary[tokens.ids],
        tokens.offsets,
        tokens.labels,
        prepared.tokenizer.pad_token_id,
    )
    with torch.inference_mode():
        small = prepared.small.build().eval()(tokens.take(rows))
        whole = prepared.pretrained.build().eval()(original.take(rows))
    assert torch.equal(small, whole)


def test_texts_that_are_cut_are_counted(model_folder: Path, tmp_path: Path) -> None:
    corpus = tiny.write_corpus(tmp_path / "c")
    with (corpus / "train.jsonl").open("a") as file:
        file.write('{"text": "' + "please " * 50 + '", "label": "alarm_set"}\n')
    prepared = prepare(str(corpus), str(model_folder), max_tokens=20)
    assert any("1 of" in note and "20 tokens" in note for note in prepared.notes)
    assert prepared.data.train.lengths.max() == 20


def test_an_epoch_has_fewer_sentences_than_there_are_and_one_of_each_label(
    model_folder: Path, tmp_path: Path
) -> None:
    corpus = tiny.write_corpus(tmp_path / "c")
    rows = tiny.split_rows()["train"]
    size, labels = len(rows), len({label for _, label in rows})
    for given in (labels, size - 1):
        part = prepare(str(corpus), str(model_folder), epoch_size=given).data
        assert part.per_epoch == len(part.judged) == given
        assert len(np.unique(part.judged.labels)) == labels
    for given in (labels - 1, size, size + 1000):
        rule = (
            f"epoch_size must be below the number of training sentences, {size}, and at least the"
            f" number of labels, {labels}; got {given}"
        )
        with pytest.raises(ValueError, match=f"^{rule}$"):
            prepare(str(corpus), str(model_folder), epoch_size=given)


def massive_like(
    test_text: str, intents: tuple[str, ...] = ("alarm_set", "iot_hue_lightup", "qa_factoid")
) -> Corpus:
    sizes = paper.SIZES
    train, validation, test = (
        Split((text,) * sizes[name], (0,) * sizes[name])
        for name, text in (("train", ""), ("validation", ""), ("test", test_text))
    )
    labels = tuple(sorted([*intents, *(f"other_{number}" for number in range(60 - len(intents)))]))
    return Corpus("x", train, validation, test, labels, ())


def test_massive_english_is_recognised_by_sizes_intents_and_words() -> None:
    english = "please what is the time"
    assert is_massive_english(massive_like(english))
    assert not is_massive_english(massive_like("bitte wie viel Uhr ist es"))
    assert not is_massive_english(massive_like(english, intents=()))
    assert not is_massive_english(replace(massive_like(english), test=None))
    assert not is_massive_english(replace(massive_like(english), train=Split(("a",), (0,))))


def test_the_embedded_corpus_is_not_taken_for_massive() -> None:
    assert not is_massive_english(corpora.read("embedded"))


def test_a_part_of_massive_is_not_taken_for_massive(shared_data: Path) -> None:
    assert not is_massive_english(corpora.read(str(shared_data / "massive-en-part")))


def test_without_a_hub_the_defaults_are_what_comes_with_regimen_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    data, model, banner = default_sources(None, None)
    assert (data, model) == ("embedded", "minilm")
    assert len(banner) == 2 and "not compared with the paper" in banner[0]
    assert default_sources("x", "y") == ("x", "y", [])


@pytest.mark.parametrize("native", [True, False])
def test_precision_is_as_asked_and_auto_takes_bf16_where_the_gpu_multiplies_it(
    native: bool,
) -> None:
    """This machine may have no GPU: it is the workers' that count."""
    precisions = [
        resolve_precision(choice, gpu=True, native=native) for choice in ("auto", "fp32", "bf16")
    ]
    assert precisions == ["bf16" if native else "fp32", "fp32", "bf16"]


@pytest.mark.parametrize("name", trainables.names())
def test_the_most_expensive_configuration_is_a_configuration(name: str) -> None:
    spec = SearchSpec(regime=name, data="embedded", model="minilm")
    config = memory.most_expensive(spec)
    assert trainables.load(name).Config.from_dict(config).to_dict() == config
    if name in ("supcon", "simclr"):
        assert (config["batch_size"], config["projection"]) == (256, "mlp")
        views = {"supcon": "head_dropout", "simclr": "encoder_dropout"}
        assert config["views"] == views[name]


def test_the_longest_sentences_are_found_and_repeated(data: Data) -> None:
    longest = memory.longest(data.train, 500)
    assert len(longest) == 500
    by_hand = sorted(data.train.lengths, reverse=True)
    assert sorted(longest.lengths, reverse=True)[0] == by_hand[0]
    few = memory.longest(data.train, 5)
    assert few.lengths.tolist() == by_hand[:5]
    row = int(np.argsort(-data.train.lengths, kind="stable")[0])
    assert (
        few.ids[: few.lengths[0]]
        == data.train.ids[data.train.offsets[row] : data.train.offsets[row + 1]]
    ).all()


def test_a_share_of_a_card_is_one_over_how_many_trials_fit_into_what_is_free() -> None:
    gib = 2**30
    assert memory.gpu_fraction(7.5 * gib, 80 * gib) == pytest.approx(
        1 / 9
    )  # 1.1 x 7.5 + 0.586 GiB = 8.84 GiB a trial
    assert memory.gpu_fraction(7.5 * gib, 30 * gib) == pytest.approx(1 / 3)


def test_a_trial_that_ran_has_a_card_at_least_for_itself() -> None:
    """It divided its mini-batches, and then took nearly all that there is: as more than one it does
    not fit."""
    gib = 2**30
    for peak in (75, 79.5, 100):
        assert memory.gpu_fraction(peak * gib, 79 * gib) == 1


@pytest.mark.parametrize("labels", [4, 40])
def test_the_worst_case_can_be_divided_into_folds(labels: int) -> None:
    """Though a few long sentences have few of each label, and each fold trains on them all."""
    rows = range(120)
    ids = np.concatenate([np.full(3 + row % 7, row, dtype=np.int32) for row in rows])
    offsets = np.concatenate([[0], np.cumsum([3 + row % 7 for row in rows])])
    tokens = Tokens(ids, offsets, np.array([row % labels for row in rows]), 0, ("same",) * 120)
    data = Data(tokens, tokens, tuple(map(str, range(labels))), folds=5)
    worst = memory.worst_case(data, 24)
    assert worst.folds == 5
    for train, held_out in folds(worst, 0):
        assert (len(train), len(held_out)) == (96, 24)
        assert worst.train.lengths[train].min() >= 8
