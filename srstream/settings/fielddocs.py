"""What stands below the fields of a dataclass: Python itself does not keep it."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from textwrap import dedent


def field_docs(options: type[object]) -> dict[str, str]:
    """Return the texts below the fields of a class and of its bases, on one line each."""
    docs: dict[str, str] = {}
    for base in reversed(options.__mro__[:-1]):
        docs |= _own_docs(base)
    return docs


def summary_of(options: type[object]) -> str:
    """Return the first words of the text below the class's name."""
    first, _, _ = (inspect.getdoc(options) or "").partition("\n")
    return first.split("; ")[0].rstrip(".")


def _own_docs(options: type[object]) -> dict[str, str]:
    (tree,) = ast.parse(dedent(inspect.getsource(options))).body
    docs = {}
    for field, below in pairwise(getattr(tree, "body", [])):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                docs[name] = _on_one_line(text)
    return docs


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
