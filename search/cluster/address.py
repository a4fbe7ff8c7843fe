"""Which addresses of a cluster can be used, and why none answers there."""

from trainables.parts.quote import quoted, reason


def require_supported(address: str) -> None:
    """Raise ValueError with what to use instead of an address that a search cannot use."""
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


def no_connection(address: str, error: Exception) -> ValueError:
    """Why `ray.init` failed, in one line."""
    return ValueError(f"no Ray cluster answers at '{address}': {reason(error)}")
