"""What the report says about the winner's errors."""

import pandas

from analysis.mistakes import figures, numbers
from analysis.page.blocks import Block, Details, Drawing, Figures, Paragraph, Table
from analysis.read.folder import Search

MAX_CONFUSIONS_SHOWN = 10
MAX_EXAMPLE_CHARACTERS = 60


MIN_CLASS_SENTENCES = 5
"""Sentences of a class from which on its accuracy is drawn: with fewer, all intervals are wide."""
CALIBRATED_DIFFERENCE = 0.02
"""Confidence and accuracy that differ by less agree."""


def details(search: Search, *, full: bool) -> list[Block]:
    """Empty if the winner's predictions are not known. `full`: with figures."""
    predictions = search.predictions
    if predictions.empty:
        return []
    parts: list[Block] = [Paragraph(_accuracy(search))]
    confusions = numbers.confusions(predictions)
    if len(confusions):
        caption = (
            "The most frequent confusions, with the sentences of their most confident mistakes."
            " Some of these sentences may be mislabelled."
        )
        parts.append(Table(caption, _table(confusions)))
    if full:
        parts += _figures(predictions)
    hint = "none wrong"
    if len(confusions):
        worst = confusions.iloc[0]
        hint = f"most often {worst['label']} taken for {worst['predicted']}"
    return [Details("Which sentences does the winner get wrong?", hint, tuple(parts))]


def _figures(predictions: pandas.DataFrame) -> list[Block]:
    drawings = [*_confusion_matrix(predictions), _calibration(predictions)]
    classes = numbers.classes(predictions)
    if classes["sentences"].median() >= MIN_CLASS_SENTENCES:
        drawings.append(_classes(classes))
        return [Figures(tuple(drawings))]
    missing = (
        f"Not drawn: the accuracy of each class. It takes about {MIN_CLASS_SENTENCES} validation"
        f" sentences a class; here they have {classes['sentences'].median():.0f}."
    )
    return [Figures(tuple(drawings)), Paragraph(missing)]


def _accuracy(search: Search) -> str:
    """How many validation sentences were right, and on how many seeds."""
    predictions, selected = search.predictions, search.summary.selected_on_reported_runs
    percent = 100 * (predictions["label"] == predictions["predicted"]).mean()
    n = predictions["seed"].nunique()
    seeds = f"{n} {'' if selected else 'fresh '}seed{'s' if n > 1 else ''}"
    if selected:
        seeds += " that also chose the winner"
    return (
        f"Of {predictions['row'].nunique()} validation sentences {percent:.1f} % were right, over"
        f" {seeds}. Mistakes are counted over all seeds. The test split is not analysed: what you"
        " fix after looking at test errors would no longer be tested by it."
    )


def _table(confusions: pandas.DataFrame) -> pandas.DataFrame:
    worst = confusions.head(MAX_CONFUSIONS_SHOWN)
    return pandas.DataFrame(
        {
            "label": worst["label"],
            "predicted": worst["predicted"],
            "count": worst["count"].astype(str),
            "of the label": [f"{100 * share:.0f} %" for share in worst["share"]],
            "examples": ["; ".join(map(_shortened, texts)) for texts in worst["examples"]],
        }
    )


def _confusion_matrix(predictions: pandas.DataFrame) -> list[Drawing]:
    fractions = numbers.matrix(predictions)
    if len(fractions) < 2:
        return []
    return [
        Drawing(
            "Confusions",
            f"The {len(fractions)} classes with the most errors, as label or as wrong prediction;"
            " numbers are percent of a row's sentences. Confused classes are placed next to each"
            " other, so cells that cluster off the diagonal are a group the model can't tell"
            " apart.",
            figures.matrix(fractions),
            wide=True,
            data=fractions.reset_index(),
        )
    ]


def _classes(classes: pandas.DataFrame) -> Drawing:
    return Drawing(
        "Accuracy per class",
        "The least accurate classes, with Wilson's 95 % interval for the number of sentences in"
        " brackets. Where intervals are wide, there are too few sentences to judge the class.",
        figures.classes(classes),
        data=classes,
    )


def _calibration(predictions: pandas.DataFrame) -> Drawing:
    bins = numbers.calibration(predictions)
    correct = predictions["label"] == predictions["predicted"]
    distance = float(predictions["confidence"].mean() - correct.mean())
    if abs(distance) < CALIBRATED_DIFFERENCE:
        verdict = "On average the confidence is honest"
    else:
        verdict = f"The model is {'over' if distance > 0 else 'under'}confident"
    return Drawing(
        "Calibration",
        f"{verdict}: it says {100 * predictions['confidence'].mean():.1f} % on average and is right"
        f" in {100 * correct.mean():.1f} %. Points below the diagonal are overconfident, points"
        " above it underconfident; beside each, its number of predictions. Expected calibration"
        f" error: {100 * numbers.calibration_error(bins):.1f} points.",
        figures.reliability(bins),
        data=bins,
    )


def _shortened(text: str) -> str:
    if len(text) <= MAX_EXAMPLE_CHARACTERS:
        return text
    return f"{text[: MAX_EXAMPLE_CHARACTERS - 1]}…"
