"""The command `regimen`: every other command as a word behind it, as in `regimen run --help`.

It works in any folder, also in one with a `search.py` or an `analysis/` of its own, where
`python -m search.run` would find those.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

from analysis.command import OK, USER_ERROR, refusal
from search.run import end
from trainables.parts.quote import quoted

COMMANDS = {
    "run": ("search.run", "search regimes, or resume a search"),
    "export": ("search.export", "write the winner as YAML"),
    "train": ("search.train", "train an exported configuration, write the model folder"),
    "predict": ("search.predict", "classify texts with a trained model"),
    "list": ("search.list", "list the searches in a folder"),
    "show": ("search.show", "print the result of a search"),
    "compare": ("search.compare", "print searches side by side"),
    "sync": ("search.sync", "log data that is missing in MLflow"),
    "report": ("analysis.report", "write the report of one search or of all"),
}
"""The module of each command, and what it does."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the first word names; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help"):
        width = max(map(len, COMMANDS))
        lines = [f"  {name:<{width}}  {caption}" for name, (_, caption) in COMMANDS.items()]
        print("\n".join(["usage: regimen COMMAND ...", "", *lines]))
        return OK if words else USER_ERROR
    name, *rest = words
    if name not in COMMANDS:
        known = ", ".join(COMMANDS)
        print(refusal(f"unknown command {quoted(name)}; choose one of: {known}"), file=sys.stderr)
        return USER_ERROR
    code: int = import_module(COMMANDS[name][0]).main(rest)
    if name == "run":
        end(code)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
