"""The search: Ray Tune runs trials, Optuna proposes and prunes, MLflow records.

`from search import search, SearchSpec` runs one from Python, such as a notebook.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.driver.session import search as search
    from search.spec import SearchSpec as SearchSpec

__all__ = ["SearchSpec", "search"]


def __getattr__(name: str) -> Any:
    """Import what a notebook needs when it is asked for: it takes seconds, and workers do not."""
    if name == "search":
        from search.driver.session import search

        return search
    if name == "SearchSpec":
        from search.spec import SearchSpec

        return SearchSpec
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
