"""The embedded corpus is complete, balanced and free of duplicates and near-duplicates."""

import re
from collections import Counter
from itertools import combinations

import pytest

from trainables.parts.data import corpus as data
from trainables.parts.data.corpus import Corpus
from trainables.parts.data.sources import EMBEDDED

INTENTS = """
alarm_query alarm_remove alarm_set audio_volume_down audio_volume_mute audio_volume_other
audio_volume_up calendar_query calendar_remove calendar_set cooking_query cooking_recipe
datetime_convert datetime_query email_addcontact email_query email_querycontact email_sendemail
general_greet general_joke general_quirky iot_cleaning iot_coffee iot_hue_lightchange
iot_hue_lightdim iot_hue_lightoff iot_hue_lighton iot_hue_lightup iot_wemo_off iot_wemo_on
lists_createoradd lists_query lists_remove music_dislikeness music_likeness music_query
music_settings news_query play_audiobook play_game play_music play_podcasts play_radio qa_currency
qa_definition qa_factoid qa_maths qa_stock recommendation_events recommendation_locations
recommendation_movies social_post social_query takeaway_order takeaway_query transport_query
transport_taxi transport_ticket transport_traffic weather_query
"""
"""The intents of https://huggingface.co/datasets/mteb/amazon_massive_intent."""


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return data.read("embedded")


def words(text: str) -> tuple[str, ...]:
    """A text's words without case and punctuation."""
    return tuple(re.sub(r"[^\w\s]", "", text.lower()).split())


def one_word_apart(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Whether at most one word is changed, added or removed between `a` and `b`."""
    if abs(len(a) - len(b)) > 1:
        return False
    same = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return a[same + 1 :] == b[same + 1 :] or a[same:] == b[same + 1 :] or a[same + 1 :] == b[same:]


def slow_distance(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    """The Levenshtein distance in words, by its definition."""
    if not a or not b:
        return len(a) + len(b)
    return min(
        slow_distance(a[1:], b) + 1,
        slow_distance(a, b[1:]) + 1,
        slow_distance(a[1:], b[1:]) + (a[0] != b[0]),
    )


@pytest.mark.parametrize(
    "pair",
    [
        ("a b c", "a x c"),
        ("a b c", "a b"),
        ("b c", "a b c"),
        ("a b", "a b"),
        ("a b c", "c b a"),
        ("", "a"),
        ("a a", "b b"),
    ],
)
def test_one_word_apart_is_an_edit_distance_of_at_most_one(pair: tuple[str, str]) -> None:
    a, b = map(words, pair)
    assert one_word_apart(a, b) == (slow_distance(a, b) <= 1)


def test_its_intents_are_those_of_massive(corpus: Corpus) -> None:
    assert len(INTENTS.split()) == 60
    assert list(corpus.labels) == sorted(INTENTS.split())


@pytest.mark.parametrize(("split", "count"), [("train", 24), ("validation", 8), ("test", 8)])
def test_each_intent_has_the_same_number_of_utterances(
    corpus: Corpus, split: str, count: int
) -> None:
    assert Counter(corpus.splits[split].labels) == dict.fromkeys(range(60), count)


def test_no_utterance_occurs_twice(corpus: Corpus) -> None:
    counts = Counter(words(text) for split in corpus.splits.values() for text in split.texts)
    assert [text for text, count in counts.items() if count > 1] == []
    assert sum(counts.values()) == 2400


def test_no_utterance_is_one_word_from_another_of_its_intent_in_another_split(
    corpus: Corpus,
) -> None:
    by_intent: dict[int, list[tuple[str, tuple[str, ...]]]] = {}
    for name, split in corpus.splits.items():
        for text, label in zip(split.texts, split.labels, strict=True):
            by_intent.setdefault(label, []).append((name, words(text)))
    near = [
        (" ".join(a), " ".join(b))
        for members in by_intent.values()
        for (one, a), (other, b) in combinations(members, 2)
        if one != other and one_word_apart(a, b)
    ]
    assert near == []


def test_utterances_are_clean_lines_of_text(corpus: Corpus) -> None:
    for split in corpus.splits.values():
        assert all(text == " ".join(text.split()) and words(text) for text in split.texts)


@pytest.mark.parametrize("name", ["README.md", "LICENSE"])
def test_it_says_where_it_comes_from_and_how_it_may_be_used(name: str) -> None:
    assert (EMBEDDED / name).read_text(encoding="utf-8").strip()
