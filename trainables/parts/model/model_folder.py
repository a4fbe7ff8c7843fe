"""What the folders of all kinds of models share: the weights' file, and errors in one line."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError
from torch import Tensor

from trainables.parts.machine import raise_if_machine_fault
from trainables.parts.quote import error_text, quoted

CONFIG, WEIGHTS = "config.json", "model.safetensors"


@contextlib.contextmanager
def weights_file(folder: Path) -> Iterator[Path]:
    """In the block, safetensors' `save_file` writes this path, beside a config.json.

    Raises OSError if it cannot be written.
    """
    path = folder / WEIGHTS
    try:
        yield path
    except SafetensorError as error:  # for example on a full disk
        raise OSError(f"{quoted(str(path))} cannot be written: {error_text(error)}") from error
    # safetensors writes with mode 0600 whatever the umask
    path.chmod((folder / CONFIG).stat().st_mode & 0o777)


@contextlib.contextmanager
def loading(folder: str | Path) -> Iterator[None]:
    """In the block, a folder of search.train is read.

    Raises ValueError with one line where what is read shows that it is another folder.
    """
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, RuntimeError, SafetensorError) as error:
        raise_if_machine_fault(error)
        raise ValueError(
            f"{quoted(str(folder))} is not a folder that search.train wrote: {error_text(error)}"
        ) from error


def require_finite(probabilities: Tensor) -> Tensor:
    """The probabilities. Raises ValueError if one is not a finite number."""
    if not probabilities.isfinite().all():
        raise ValueError("the model's weights are damaged: its scores are not finite numbers")
    return probabilities
