"""A PostgreSQL of a test's own."""

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.processes import free_port, wait_for


class Postgres:
    """A PostgreSQL of our own on a free loopback port, as a user who is not root."""

    def __init__(self, folder: Path) -> None:
        bins = [
            str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        ]
        where = os.pathsep.join([*bins, os.environ.get("PATH", "")])
        self.initdb, self.postgres = (
            shutil.which("initdb", path=where),
            shutil.which("postgres", path=where),
        )
        if not self.initdb or not self.postgres:
            pytest.skip("needs PostgreSQL's initdb and postgres, which are not on this machine")
        pytest.importorskip("psycopg2")
        self.folder, self.port, self.user = folder, free_port(), None
        if os.getuid() == 0:  # postgres refuses to run as root
            names = {entry.pw_name for entry in pwd.getpwall()}
            self.user = next((name for name in ("postgres", "nobody") if name in names), None)
            if self.user is None:
                pytest.skip(
                    "postgres refuses to run as root, and there is no user 'postgres' or 'nobody'"
                )
            shutil.chown(folder, self.user)
            for above in folder.parents:  # pytest's own folders let nobody else through
                if (
                    above.owner() == "root"
                    and above.is_relative_to("/tmp")
                    and above != Path("/tmp")
                ):
                    above.chmod(above.stat().st_mode | 0o011)
        self._run(
            self.initdb,
            "-D",
            str(folder / "data"),
            "-U",
            "regimen",
            "-E",
            "UTF8",
            "--auth=trust",
            "--no-sync",
        )
        listens = [
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            f"port={self.port}",
            "-c",
            "unix_socket_directories=",
            "-c",
            "fsync=off",
        ]
        self.process = subprocess.Popen(
            [self.postgres, "-D", str(folder / "data"), *listens],
            user=self.user,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self._answers)

    def _run(self, *argv: str) -> None:
        done = subprocess.run(
            argv,
            user=self.user,
            cwd=self.folder,
            capture_output=True,
            text=True,
            env={**os.environ, "LC_ALL": "C"},
        )
        assert done.returncode == 0, done.stderr

    def _connect(self) -> Any:
        import psycopg2

        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, user="regimen", dbname="postgres"
        )
        connection.autocommit = True
        return connection

    def _answers(self) -> bool:
        import psycopg2

        try:
            self._connect().close()
        except psycopg2.OperationalError:
            return False
        return True

    def database(self, name: str) -> str:
        """The address of a new, empty database."""
        connection = self._connect()
        connection.cursor().execute(f"CREATE DATABASE {name}")
        connection.close()
        return f"postgresql+psycopg2://regimen@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
