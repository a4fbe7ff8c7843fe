"""What the report says of the winner's errors."""

import pandas

from analysis.mistakes import figures as error_figures
from analysis.mistakes import numbers as errors
from analysis.page.blocks import Block, Drawing, Figures, Heading, Paragraph, Table
from analysis.read.folder import Search
from analysis.read.summary import chose

PAIRS = 10
TEXT = 60
"""Characters of an example."""


def blocks(search: Search) -> list[Block]:
    """Nothing where the winner's predictions are not known."""
    found = search.predictions
    if found.empty:
        return []
    right, n = (found["label"] == found["predicted"]).mean(), found["seed"].nunique()
    seeds = f"{n} {'' if chose(search.summary) else 'fresh '}seed{'s' * (n > 1)}{' that also chose it' * chose(search.summary)}"
    bins = errors.calibration(found)
    made: list[Block] = [
        Heading("Where does the winner still err?"),
        Paragraph(
            f"Of {found['row'].nunique()} validation sentences {100 * right:.1f} % were right, over"
            f" {seeds}; where mistakes are counted, each seed's counts. The test split is left"
            " alone: what is looked at here is what one mends next, and a test that was looked at"
            " is none."
        ),
    ]
    pairs = errors.confusions(found)
    if len(pairs):
        made.append(
            Table(
                "The worst pairs, with the sentences that were most surely mistaken. Some may be"
                " labelled wrong.",
                _table(pairs),
            )
        )
    drawings = [
        Drawing(
            "Accuracy a class",
            "The classes with the lowest accuracy, with Wilson's 95 % interval for the number of"
            " sentences in brackets. Where they are wide, there are too few sentences to blame the"
            " class.",
            error_figures.classes(errors.classes(found)),
        ),
        Drawing(
            "Calibration",
            "How often the model is right when it is so sure; beside each point the number of"
            " predictions. Below the diagonal it is too sure of itself. Expected calibration"
            f" error: {100 * errors.calibration_error(bins):.1f} points.",
            error_figures.reliability(bins),
        ),
    ]
    if len(shares := errors.matrix(found)) > 1:
        drawings.insert(
            0,
            Drawing(
                "Confusions",
                f"The {len(shares)} classes that have most to do with errors, as the label or as"
                " what was predicted in its place; numbers are percent of a row's sentences."
                " Classes that are confused stand beside each other, so cells that crowd off the"
                " diagonal are a group that the model can't tell apart.",
                error_figures.matrix(shares),
                wide=True,
            ),
        )
    return [*made, Figures(tuple(drawings))]


def _table(pairs: pandas.DataFrame) -> pandas.DataFrame:
    worst = pairs.head(PAIRS)
    return pandas.DataFrame(
        {
            "label": worst["label"],
            "predicted": worst["predicted"],
            "times": worst["count"].astype(str),
            "of the label": [f"{100 * share:.0f} %" for share in worst["share"]],
            "examples": ["; ".join(map(_cut, texts)) for texts in worst["examples"]],
        }
    )


def _cut(text: str) -> str:
    return text if len(text) <= TEXT else f"{text[: TEXT - 1]}…"
