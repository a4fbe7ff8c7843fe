"""Our packages: where they are, and a hash by which two copies are compared.

Workers import this file, so it imports nothing of the driver.
"""

import functools
import hashlib
from importlib.util import find_spec
from pathlib import Path

CODE = Path(__file__).parents[2]
"""The folder that holds our packages."""
PACKAGES = ("search", "trainables", "spaces", "analysis")


@functools.cache
def fingerprint() -> str:
    """A hash of all Python files of our packages, as they are at the first call.

    Ray puts each package that is shipped into a folder of its own.
    """
    code = hashlib.sha256()
    for name in PACKAGES:
        spec = find_spec(name)
        assert spec is not None and spec.submodule_search_locations is not None
        folder = Path(spec.submodule_search_locations[0])
        for path in sorted(folder.rglob("*.py")):
            inside = path.relative_to(folder).as_posix()
            code.update(f"{name}/{inside}".encode() + b"\0" + path.read_bytes())
    return code.hexdigest()[:12]
