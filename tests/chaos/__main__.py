"""python -m tests.chaos: kill searches at random, resume them, and compare what they end with.

The undisturbed search is the reference: the same trials, curves and winner, everything in MLflow
once, and no process or folder left. The search is small (a tiny model, about a second a trial), its
parts are real: Ray, the journal, MLflow with SQLite or a server.
"""

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from tests.chaos.campaign import Campaign
from tests.chaos.workspace import Workspace


def parse(argv: list[str] | None) -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    p.add_argument("--minutes", type=float, help="kill for so long, then let the last search end")
    p.add_argument("--kills", type=int, help="instead: kill the driver this many times")
    p.add_argument("--seed", type=int, default=0, help="of what is killed when (default: 0)")
    p.add_argument("--trials", type=int, default=20, help="of a search (default: 20)")
    p.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help="work in DIR and keep all files (default: they are kept only if there are problems)",
    )
    p.add_argument("--out", type=Path, metavar="FILE", help="write the counts as JSON")
    args = p.parse_args(argv)
    if (args.minutes is None) == (args.kills is None):
        p.error("give --minutes or --kills")
    return args


def main(argv: list[str] | None = None) -> int:
    """Return 0 if there were no problems, else 1."""
    args = parse(argv)
    folder = args.keep.resolve() if args.keep else Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix="chaos-", dir="/tmp"))
    workspace = Workspace(folder, temporary, args.trials)
    workspace.prepare()
    try:
        outcome = Campaign(workspace, args.seed, args.minutes, args.kills).run()
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    print(outcome.table())
    if args.out:
        args.out.write_text(json.dumps(outcome.to_dict(), indent=2) + "\n", encoding="utf-8")
    failed = any(outcome.problems.values())
    if failed:
        print(f"all files are in {folder}")
    elif not args.keep:
        shutil.rmtree(folder)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
