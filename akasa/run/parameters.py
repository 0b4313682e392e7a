"""The notebooks' parameters: which there are, and whether given values fit, before any kernel starts."""

import ast
from collections.abc import Callable, Mapping
from typing import Any

import nbformat

from akasa.run.steps import NOTEBOOKS, STEPS

_TRUTH = {"true": True, "false": False}
_TYPES: dict[str, Callable[[Any], Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": lambda value: _TRUTH[str(value).lower()],
}


class UsageError(ValueError):
    """A parameter that no notebook has, or a value not of its type; found before any kernel starts."""


def declared(step: str) -> dict[str, str]:
    """Return the notebook's parameters: name → annotated type."""
    notebook = nbformat.read(NOTEBOOKS / f"{step}.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    tree = ast.parse("\n".join(cell.source for cell in cells))
    lines = (line for line in tree.body if isinstance(line, ast.AnnAssign))
    return {ast.unparse(line.target): ast.unparse(line.annotation) for line in lines}


def check(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return step → the given parameters that its notebook has, as values of their annotated types.

    Raises UsageError for a name that no notebook has, or a value that is not of its type.
    """
    names_of = {step: declared(step) for step in STEPS}
    for name in given:
        if not any(name in names for names in names_of.values()):
            known = sorted({known for names in names_of.values() for known in names})
            raise UsageError(f"no notebook has the parameter {name!r}; there are: {', '.join(known)}")
    return {
        step: {name: _typed(name, value, names[name]) for name, value in given.items() if name in names}
        for step, names in names_of.items()
    }


def _typed(name: str, value: Any, annotation: str) -> Any:
    try:
        return _TYPES[annotation](value)
    except (KeyError, ValueError):
        raise UsageError(f"{name} is {value!r}; it must be of type {annotation}") from None
