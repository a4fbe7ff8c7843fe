"""Whether the winner differs significantly from the others, and what would settle it."""

import pandas

from analysis import shell_lines
from analysis.comparison.pairwise import better_than, pair_of
from analysis.comparison.settle import IN_MOST_CASES, MAX_SEEDS, bound, seeds_settle
from analysis.evidence import ScoredSplit
from analysis.metric import WORDS
from analysis.read.folder import Search


def verdict(labels: list[str], best: Search, split: ScoredSplit, pairs: pandas.DataFrame) -> str:
    """The sentences; `labels` has the best search first."""
    if not best.summary.confirmed_scores:
        return (
            f"Nothing is confirmed: the {WORDS[best.summary.metric]} is the highest of several"
            " trials on one seed, so it is optimistic. The last command confirms it on fresh seeds."
        )
    own = pairs[pairs["regime"] == labels[0]]
    if own.empty:
        alone = "" if len(labels) == 1 else "No other search here has runs on fresh seeds. "
        command = shell_lines.compare(best.folder, best.spec)
        return f"{alone}To compare all in the folder: {command}"
    equal = [str(name) for name in own[~own["different"].astype(bool)]["other"]]
    different = len(own) - len(equal)
    corrected = ", corrected for the number of pairs" if len(pairs) > 2 else ""
    if better := better_than(labels[0], pairs):
        return (
            f"On these {split} sentences {_listed(better)} {'is' if len(better) == 1 else 'are'}"
            f" significantly better{corrected}. {labels[0]} was chosen by its score on the seeds of"
            f" the search and the choice. If you take"
            f" {better[0] if len(better) == 1 else 'one of the others'} because of this result,"
            " check it once more on fresh seeds and other test sentences: a score by which a"
            " recipe was chosen is optimistic."
        )
    if not equal:
        return (
            f"On these {split} sentences, {labels[0]} is significantly better than"
            f" {_all(different)}{corrected}.{_on_new(own, different)}"
        )
    names, settled = _listed(equal), _settled(labels, pairs, equal)
    if not different:
        return (
            f"On these {split} sentences, {labels[0]} does not differ significantly from {names}"
            f"{corrected}.{settled}"
        )
    return (
        f"On these {split} sentences, {labels[0]} is significantly better than {different} of"
        f" {len(own)} others{corrected}; it does not differ significantly from {names}.{settled}"
    )


def _settled(labels: list[str], pairs: pandas.DataFrame, equal: list[str]) -> str:
    """What would settle whether the winner differs from the runner-up, and where the rest is."""
    pair = pair_of(labels[0], labels[1], pairs)
    rest = [name for name in equal if name != labels[1]]
    others = f" For {_listed(rest)}, see Comparison." if rest else ""
    if pair is None or pair["different"]:
        return others
    if seeds_settle(pair["seeds_needed"]):
        return (
            f" If the difference to {labels[1]} is as large as it seems, about"
            f" {pair['seeds_needed']:.0f} report seeds each show it {IN_MOST_CASES}.{others}"
        )
    return (
        f" Up to {MAX_SEEDS} report seeds each would not show a difference to {labels[1]} as small"
        f" as this one: {bound(pair['difference'], pair['half_width'])}.{others}"
    )


def _on_new(own: pandas.DataFrame, different: int) -> str:
    shown = int(own["different_on_new_sentences"].sum())
    if shown == different:
        return " The same holds on new sentences."
    return f" On new sentences this is shown for {shown} of {different}."


def _listed(labels: list[str]) -> str:
    return ", ".join(labels[:4]) + (f" and {len(labels) - 4} more" if len(labels) > 4 else "")


def _all(number: int) -> str:
    return {1: "the other", 2: "both others"}.get(number, f"all {number} others")
