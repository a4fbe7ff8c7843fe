"""What a worker imports last of the modules that Ray preloads: it marks the worker as ready.

Workers import this file, so it imports nothing of the driver.
"""

import contextlib
import os
from pathlib import Path

READY = "REGIMEN_READY"
"""The environment variable that names the folder for the marks."""

if READY in os.environ:
    with contextlib.suppress(OSError):  # The search has ended meanwhile, or the disk is full.
        (Path(os.environ[READY]) / str(os.getpid())).touch()
