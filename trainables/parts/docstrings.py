"""Docstrings of dataclass fields, which Python itself drops."""

import ast
import inspect
import textwrap


def field_docstrings(cls: type) -> dict[str, str]:
    """The docstring under each field of a dataclass, inherited fields included.

    Read from the source of the class that declares the field.
    """
    docstrings: dict[str, str] = {}
    for owner in reversed(cls.__mro__):
        if owner is object:
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
        assert isinstance(body, ast.ClassDef)
        for node, after in zip(body.body, body.body[1:]):
            if (
                isinstance(node, ast.AnnAssign)
                and isinstance(node.target, ast.Name)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
                and isinstance(after.value.value, str)
            ):
                docstrings[node.target.id] = inspect.cleandoc(after.value.value)
    return docstrings
