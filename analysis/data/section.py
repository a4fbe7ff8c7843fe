"""What the report says about the data: what to fix before searching on."""

from collections.abc import Sequence

import pandas

from analysis.data.numbers import (
    all_predictions,
    missed_by_all,
    unseparated,
    without_leaks,
)
from analysis.page.blocks import Block, Details, Paragraph, Table
from analysis.read.folder import Search
from analysis.read.problems import leaked_rows, problem
from analysis.text import counted

MAX_ROWS_SHOWN = 100
"""Rows of a table of sentences."""
NOT_RECORDED = (
    "Rows in two splits, contradictory labels and doubtful labels are not recorded for this search:"
    " it is of an earlier version. A new search looks for them."
)


def blocks(best: Search, searches: Sequence[Search]) -> list[Block]:
    """The data of the best search, and what the runs of all searches on it have in common."""
    predictions = all_predictions([best, *(each for each in searches if each is not best)])
    problems: list[Block] = [
        *_leaks(best),
        *_conflicts(best),
        *_near_duplicates(best),
        *_doubts(best, predictions),
        *_unseparated(predictions),
        *_missed(predictions),
    ]
    if best.problems is None:
        problems.append(Paragraph(NOT_RECORDED))
    if not problems:
        return [Paragraph("Nothing found that needs fixing.")]
    return problems


def warnings(search: Search) -> list[str]:
    """What the first screen says about the data; empty where nothing was found."""
    leaks = {split: len(leaked_rows(search.problems, split)) for split in ("validation", "test")}
    parts = [
        f"{counted(count, f'{split} row')} {'is' if count == 1 else 'are'} in train too"
        for split, count in leaks.items()
        if count
    ]
    for kind, pairs in (("conflict", "equal sentences"), ("near", "near duplicates")):
        if count := len(problem(search.problems, kind)):
            have = "has" if count == 1 else "have"
            parts.append(f"{counted(count, 'pair')} of {pairs} {have} different labels")
    if count := len(problem(search.problems, "doubt")):
        parts.append(f"{counted(count, 'label')} {'is' if count == 1 else 'are'} in doubt")
    if not parts:
        return []
    return [
        f"Data: {', '.join(parts)}.{_effect_of_leaks(search)} See Data before you search further."
    ]


def _effect_of_leaks(search: Search) -> str:
    """What the scores are without the rows that are in train, where that is known."""
    scores = [
        (each.split, f"{100 * each.without:.1f} %", f"{100 * each.accuracy:.1f} %")
        for each in without_leaks(search)
    ]
    changed = [
        f"the score on {split} is {without} (with them {score})"
        for split, without, score in scores
        if without != score
    ]
    if not scores:
        return ""
    effect = " and ".join(changed) or "no score changes by 0.1 points"
    return f" Without the rows that are in train, {effect}."


def _leaks(search: Search) -> list[Block]:
    leaks = problem(search.problems, "leak")
    if leaks.empty:
        return []
    inner: list[Block] = [
        Paragraph(
            "A model knows these sentences from training, so accuracies on them say little. Remove"
            " them from validation and test, or from train."
        )
    ]
    compared = without_leaks(search)
    if compared:
        rows = [
            {
                "split": each.split,
                "leaked rows": f"{each.leaked} of {each.sentences}",
                "accuracy": f"{100 * each.accuracy:.1f}",
                "without them": f"{100 * each.without:.1f}",
                "on them alone": f"{100 * each.on_leaked:.1f}",
            }
            for each in compared
        ]
        inner.append(Table("The winner's reported runs, in percent.", pandas.DataFrame(rows)))
    shown = leaks.head(MAX_ROWS_SHOWN)
    frame = pandas.DataFrame(
        {
            "split": shown["split"],
            "row": _whole(shown["row"]),
            "row in train": _whole(shown["other_row"]),
            "text in train": shown["other_text"],
            "its label": shown["other_label"],
        }
    )
    inner.append(Table(f"Rows that are in train too{_first(leaks)}. Rows count from 0.", frame))
    counts = leaks["split"].value_counts()
    answer = ", ".join(f"{count} of {split}" for split, count in counts.items())
    return [Details("Rows that stand in train too", answer, tuple(inner))]


def _conflicts(search: Search) -> list[Block]:
    conflicts = problem(search.problems, "conflict")
    if conflicts.empty:
        return []
    shown = conflicts.head(MAX_ROWS_SHOWN)
    frame = pandas.DataFrame(
        {
            "text": shown["text"],
            "label": shown["label"],
            "where": _places(shown, ""),
            "other label": shown["other_label"],
            "other place": _places(shown, "other_"),
        }
    )
    caption = (
        "Sentences of train and validation that are the same but for case, punctuation and spaces,"
        f" and have different labels{_first(conflicts)}. No model can get both right."
    )
    answer = counted(len(conflicts), "pair")
    return [Details("Equal sentences, different labels", answer, (Table(caption, frame),))]


def _near_duplicates(search: Search) -> list[Block]:
    near = problem(search.problems, "near")
    if near.empty:
        return []
    shown = near.head(MAX_ROWS_SHOWN)
    frame = pandas.DataFrame(
        {
            "text": shown["text"],
            "label": shown["label"],
            "like sentence": shown["other_text"],
            "its label": shown["other_label"],
            "similarity": [f"{value:.2f}" for value in shown["similarity"]],
            "where": _places(shown, ""),
            "other place": _places(shown, "other_"),
        }
    )
    caption = (
        "Sentences of train and validation whose vectors, by the frozen encoder, are each other's"
        " nearest and nearer than half of such pairs with one label, and that have different"
        f" labels, the nearest first{_first(near)}. Read them: some labels are errors or overlap,"
        " others are right, as for “turn up” and “turn down”."
    )
    answer = counted(len(near), "pair")
    return [Details("Near duplicates, different labels", answer, (Table(caption, frame),))]


def _doubts(search: Search, predictions: pandas.DataFrame) -> list[Block]:
    doubts = problem(search.problems, "doubt")
    if doubts.empty:
        return []
    missed = missed_by_all(predictions)
    validated = "validation" if search.summary.folds is None else "train"
    agreed = dict(zip(missed["row"].astype(int), missed["predicted"]))
    shown = doubts.head(MAX_ROWS_SHOWN)
    frame = pandas.DataFrame(
        {
            "text": shown["text"],
            "label": shown["label"],
            "likelier": shown["other_label"],
            "probabilities": [
                f"{100 * probability:.0f} / {100 * other:.0f} %"
                for probability, other in zip(shown["probability"], shown["other_probability"])
            ],
            "where": _places(shown, ""),
            "all runs agree": [
                "yes" if split == validated and agreed.get(int(row)) == other else ""
                for split, row, other in zip(shown["split"], shown["row"], shown["other_label"])
            ],
        }
    )
    if not (frame["all runs agree"] == "yes").any():
        frame = frame.drop(columns="all runs agree")
    caption = (
        "Labels of train and validation that a linear classifier on the frozen encoder's vectors"
        " doubts when it has not seen the sentence (confident learning on leave-one-out"
        f" predictions), the most doubtful first{_first(doubts)}. Some are errors, others are hard"
        " sentences: read them before you change them."
    )
    answer = f"{len(doubts)}, for example “{doubts['text'].iloc[0]}” as {doubts['label'].iloc[0]}"
    return [Details("Labels in doubt", answer, (Table(caption, frame),))]


def _unseparated(predictions: pandas.DataFrame) -> list[Block]:
    pairs = unseparated(predictions)
    if pairs.empty:
        return []
    shown = pairs.head(MAX_ROWS_SHOWN)
    frame = pandas.DataFrame(
        {
            "label": shown["label"],
            "taken for": shown["predicted"],
            "in every run": [
                f"{least} of {of}" for least, of in zip(shown["least"], shown["sentences"])
            ],
            "example": shown["example"],
        }
    )
    runs, searches = predictions["run"].nunique(), predictions.attrs.get("searches", 1)
    caption = (
        f"Confusions that remain in each of {runs} runs of "
        f"{counted(searches, 'search', 'searches')}"
        " on validation; the count is that of the best run. If the two labels mean nearly the same,"
        " merge them, or say in your guidelines what tells them apart."
    )
    first = pairs.iloc[0]
    answer = f"{counted(len(pairs), 'pair')}, first {first['label']} taken for"
    return [
        Details(
            "Classes that no run separates",
            f"{answer} {first['predicted']}",
            (Table(caption, frame),),
        )
    ]


def _missed(predictions: pandas.DataFrame) -> list[Block]:
    missed = missed_by_all(predictions)
    if missed.empty:
        return []
    shown = missed.head(MAX_ROWS_SHOWN)
    frame = pandas.DataFrame(
        {
            "text": shown["text"],
            "label": shown["label"],
            "every run says": shown["predicted"],
            "confidence": [f"{100 * value:.0f} %" for value in shown["confidence"]],
            "row": _whole(shown["row"]),
        }
    )
    sentences = predictions["row"].nunique()
    caption = (
        f"Validation sentences that all {predictions['run'].nunique()} runs take for the same wrong"
        f" label{_first(missed)}. If these labels are wrong, a perfect model reaches"
        f" {100 * (1 - len(missed) / sentences):.1f} % here."
    )
    answer = f"{len(missed)} of {sentences} validation sentences"
    return [Details("Sentences that every run gets wrong alike", answer, (Table(caption, frame),))]


def _places(rows: pandas.DataFrame, prefix: str) -> list[str]:
    return [
        f"{split} {row:.0f}" for split, row in zip(rows[f"{prefix}split"], rows[f"{prefix}row"])
    ]


def _whole(values: pandas.Series) -> list[str]:
    return [f"{value:.0f}" for value in values]


def _first(rows: pandas.DataFrame) -> str:
    return f": the first {MAX_ROWS_SHOWN} of {len(rows)}" if len(rows) > MAX_ROWS_SHOWN else ""
