"""An MLflow server that can be killed and comes back on the same port."""

import threading
from pathlib import Path

from tests.mlflow_server import MlflowServer


class Server(MlflowServer):
    """A server with a planned restart."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.restart: threading.Timer | None = None

    def kill(self, restart_after: float | None = None) -> None:
        """Kill it with SIGKILL; restart it after so many seconds, or never."""
        if self.restart:
            self.restart.cancel()
        super().kill()
        if restart_after is not None:
            self.restart = threading.Timer(restart_after, self.start)
            self.restart.daemon = True
            self.restart.start()
