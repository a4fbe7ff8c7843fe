"""The address of somebody else's cluster: who answers there, and whether it wants a token."""

import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Any

import ray._raylet
from ray import exceptions
from ray._private.services import canonicalize_bootstrap_address_or_die

from trainables.parts.quote import error_text, quoted

_core: Any = ray._raylet
ANSWER_SECONDS = 5.0
"""How long a head may take to accept a connection."""
MODE = "RAY_AUTH_MODE"


def require_usable(address: str) -> None:
    """Raise ValueError with one line where a search cannot use a cluster at this address.

    Sets Ray's authentication to what the cluster wants: its default depends on which tokens are
    around, and workers of a cluster without tokens cannot talk to a driver that wants one.
    """
    if address.startswith("ray://"):
        raise ValueError(
            f"the address must be HOST:PORT or auto; got {quoted(address)}: a search does not run"
            " through Ray Client (`pip install 'ray[client]'` does not change that); run it on a"
            " node of the cluster, or with `ray job submit`, which needs"
            " `pip install 'ray[default]'`"
        )
    if "://" in address:
        raise ValueError(
            f"the address must be HOST:PORT or auto; got {quoted(address)}: at a job server, use"
            " `ray job submit`, which needs `pip install 'ray[default]'`"
        )
    try:
        head = canonicalize_bootstrap_address_or_die(address)
        require_listening(head)
    except (OSError, ValueError) as error:
        raise no_connection(address, error) from error
    with _quiet():
        if _accepts(head, address, "disabled"):
            return
        if not _core.AuthenticationTokenLoader.instance().has_token(ignore_auth_mode=True):
            raise ValueError(
                f"the Ray cluster at {quoted(address)} requires a token, but none is set; set"
                " RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH, or write it to ~/.ray/auth_token"
            )
        if not _accepts(head, address, "token"):
            raise ValueError(
                f"the Ray cluster at {quoted(address)} refuses the token from {_source()}"
            )


def require_listening(address: str) -> None:
    """Raise OSError where nobody accepts a connection to HOST:PORT."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()


def no_connection(address: str, error: Exception) -> ValueError:
    """Why a search is not connected, in one line."""
    return ValueError(f"no Ray cluster answers at {quoted(address)}: {error_text(error)}")


def _accepts(head: str, address: str, mode: str) -> bool:
    """Whether the cluster accepts this process in this mode, which stays set."""
    os.environ[MODE] = mode
    _core.Config.initialize("")  # Ray read the variable when it was imported.
    _core.AuthenticationTokenLoader.instance().reset_cache()
    try:
        _core.GcsClient(address=head)
    except exceptions.AuthenticationError:
        return False
    except exceptions.RayError as error:
        raise no_connection(address, error) from error
    return True


def _source() -> str:
    """Where Ray takes the token from."""
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        if name in os.environ:
            return name
    return "~/.ray/auth_token"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Drop what Ray's C++ code writes to standard error: the error that it raises says the same."""
    stderr = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)
