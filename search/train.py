"""python -m search.train: train an exported recipe on several seeds and write a model folder."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from analysis.command import FAILED, OK, Parser, exit_code, program, refusal, user_path
from search.flag import add_flags
from search.folders import results_folder
from search.seeds import MAX_REPORT_SEEDS
from search.spec import SearchSpec
from trainables.parts.config import Fraction, Range, checked
from trainables.parts.quote import quoted

if TYPE_CHECKING:
    from rich.console import Console

    from search.final.training import Final

TUNE_TRIALS = 4
"""Values that `--tune` tries without `--trials`."""


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    args = _parser().parse_args(argv)
    return exit_code(lambda: _run(args))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=program("search.train"),
        description=(
            "Train an exported configuration on several seeds; the best model on validation, or all"
            " of them combined, becomes a model folder. The first seeds are those on which the"
            " search reports its winner: neither the search nor the choice of the winner used them."
        ),
    )
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="File that search.export wrote; its first configuration is trained",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        default=5,
        metavar="N",
        help="Number of runs; the first seeds are those of the search's report (default: 5)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("model"),
        metavar="DIR",
        help="Folder for the model (default: model)",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help=(
            "Replace the model in --out even if it is of another recipe. A model of the same recipe"
            " is always replaced, a folder with files that you added or edited never"
        ),
    )
    parser.add_argument(
        "--answer-precision",
        type=float,
        default=0.95,
        metavar="P",
        help=(
            "Find the confidence threshold at which this fraction of the answers is right, for"
            " search.predict --min-confidence auto (default: 0.95)"
        ),
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        help=(
            "Train another encoder than the recipe's, such as a larger one: a hub name, a local"
            " folder or minilm. What depends on the number of layers is rescaled"
        ),
    )
    parser.add_argument(
        "--oos-label",
        metavar="NAME",
        help=(
            "A label whose rows are out of scope: they have no intent. They are not trained on, but"
            " used to measure how well the model refuses such texts (default: the search's)"
        ),
    )
    parser.add_argument(
        "--tune",
        metavar="FIELD",
        help=(
            "First try --trials values of this field: the recipe's, and others a factor of two"
            " apart. The best on validation is then trained"
        ),
    )
    parser.add_argument(
        "--trials",
        type=int,
        metavar="N",
        help=f"Number of values that --tune tries (default: {TUNE_TRIALS})",
    )
    combine = parser.add_mutually_exclusive_group()
    combine.add_argument(
        "--soup",
        dest="combine",
        action="store_const",
        const="soup",
        help=(
            "Write one model whose weights are the mean of all seeds' weights; if it is worse on"
            " validation than the best seed's model, write the best seed's model"
        ),
    )
    combine.add_argument(
        "--ensemble",
        dest="combine",
        action="store_const",
        const="ensemble",
        help=(
            "Write the models of all seeds as one that averages their probabilities; it takes as"
            " much time and space as all of them, and only Regimen and MLflow load it as one model"
        ),
    )
    parser.add_argument(
        "--onnx",
        action="store_true",
        help="Also write the model as ONNX, in float32 and in int8 (needs: pip install"
        " -e '.[onnx]' in the checkout)",
    )
    add_flags(parser, SearchSpec, ("accelerator_type", "address", "runtime_env"))
    parser.add_argument(
        "--register", metavar="NAME", help="Register the model in MLflow under this name"
    )
    add_flags(parser, SearchSpec, ("tracking_uri",))
    parser.add_argument(
        "--results",
        default="results",
        metavar="DIR",
        help="Folder of MLflow's SQLite file (default: results)",
    )
    return parser


def _run(args: argparse.Namespace) -> int:
    # Everything that can be refused is checked before the training.
    _check(args)
    # These import the regimes, Ray and MLflow, which takes seconds.
    from search.final import training
    from search.final.folder import check_out
    from search.final.mlflow_model import check_registered_name
    from search.final.transfer import transfer
    from search.outputs.recipe import read_recipe
    from search.terminal.console import SafeConsole

    recipe = read_recipe(args.file)
    check_registered_name(args.register)
    console = SafeConsole(highlight=False, soft_wrap=True, markup=False)
    if args.model is not None:
        recipe, notes = transfer(recipe, args.model)
        for line in notes:
            console.print(line)
    if args.oos_label is not None:
        recipe = {**recipe, "data": {**recipe["data"], "oos_label": args.oos_label}}
    check_out(args.out, recipe, overwrite=args.overwrite)
    spec = training.TrainSpec(
        recipe=recipe,
        out=args.out,
        overwrite=args.overwrite,
        seeds=args.seeds,
        wanted_precision=args.answer_precision,
        onnx=args.onnx,
        register=args.register,
        tracking_uri=args.tracking_uri,
        results=args.results,
        tune=args.tune,
        tune_trials=TUNE_TRIALS if args.trials is None else args.trials,
        combine=args.combine,
        accelerator_type=args.accelerator_type,
        address=args.address,
        runtime_env=args.runtime_env,
    )
    final = training.train(spec, console)
    _print_final(console, final, args.results)
    if not final.failed:
        return OK
    names, others = ", ".join(map(str, final.failed)), args.seeds - len(final.failed)
    of = f"{len(final.failed)} of {args.seeds} seeds failed: {names}"
    print(refusal(f"{of}; the model is from the other {others}"), file=sys.stderr)
    return FAILED


def _check(args: argparse.Namespace) -> None:
    """Raise ValueError for an invalid flag, before anything is imported."""
    if not 1 <= args.seeds <= MAX_REPORT_SEEDS:
        raise ValueError(f"--seeds must be from 1 to {MAX_REPORT_SEEDS}; got {quoted(args.seeds)}")
    if args.trials is not None and args.tune is None:
        raise ValueError("--trials needs --tune")
    if args.trials is not None:
        checked("--trials", args.trials, Annotated[int, Range(2, 20)])
    checked("--answer-precision", args.answer_precision, Fraction)
    results_folder(args.results)
    with user_path(args.file):
        args.file.stat()


def _print_final(console: "Console", final: "Final", results: str) -> None:
    """Print the row of the comparison table, what was measured, and the next command."""
    from analysis import shell_lines
    from analysis.comparison import conditions
    from analysis.comparison import table as comparison
    from analysis.evidence import Evidence
    from analysis.read.correct import Correct
    from search.terminal.console import print_next, print_table

    # Which sentences the search's runs got right says nothing of a tuned recipe or another model.
    unknown = {final.summary.name: Correct()}
    evidence = Evidence.beside(results_folder(results), [final.summary], unknown)
    print_table(console, comparison.table([final.summary], evidence))
    for line in conditions.remarks([final.summary], evidence):
        console.print(f"  {line}", style="dim")
    if final.combined:
        console.print(f"  {final.combined}")
        if final.combined.warning:
            console.print(f"NOTE     {final.combined.warning}", style="bold yellow")
    console.print(f"  {final.confidence}", style="dim")
    for split, detection in final.out_of_scope.items():
        console.print(f"  out of scope, {split}: {detection}", style="dim")
    for scores in final.onnx:
        console.print(f"  {scores}", style="bold yellow" if scores.loses else "dim")
    console.print(f"wrote {final.folder}")
    print_next(console, [("predict", shell_lines.predict(final.folder))])


if __name__ == "__main__":
    raise SystemExit(main())
