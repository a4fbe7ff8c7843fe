"""Files that are written completely or not at all."""

import secrets
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Write a text file atomically: to a new file beside it, which is then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.encode("utf-8")
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    # Mode "x" refuses an existing file, so nobody else's is overwritten or removed.
    with beside.open("xb") as file:
        try:
            file.write(content)
            file.close()
            beside.replace(path)
        except BaseException:
            beside.unlink()
            raise
