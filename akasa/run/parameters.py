"""The notebooks' parameters: which there are, and whether given values fit, before any kernel starts.

The rules here are those of `report`'s options, too.
"""

import ast
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import Field

from akasa.run.steps import NOTEBOOKS, STEPS


@dataclass(frozen=True)
class Rule:
    """What a value is, in words, and whether one of the right type is that.

    Of an option of `report` besides: what its help shows for a value, the help, and its type for forms.
    """

    what: str
    fits: Callable[[Any], bool]
    shown: str
    help: str
    kind: Any


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def day(text: str, option: str) -> date:
    """Return the day that an option gives. Raises UsageError."""
    if not _is_day(text):
        raise UsageError(f"{option}: {text!r} is not a day written YYYY-MM-DD")
    return date.fromisoformat(text)


def _day(help: str) -> Rule:
    return Rule("a day written YYYY-MM-DD", _is_day, "YYYY-MM-DD", help, date)


def _count(help: str) -> Rule:
    kind = Annotated[int, Field(ge=1, le=_MOST)]
    return Rule(f"a whole number from 1 to {_MOST:,}", lambda n: 1 <= n <= _MOST, "NUMBER", help, kind)


def _word(help: str, what: str, *words: str) -> Rule:
    return Rule(what, lambda word: word in words, "|".join(words), help, Literal[words])


_MOST = 999_999_999
RULES = {
    "engine": _word("In-memory engine [pandas].", "pandas, dask or both", "pandas", "dask", "both"),
    "as_of": _day("Last day that counts [the latest published order date]."),
    "window_days": _count("Days that top spenders look back [30]."),
    "top_n": _count("How many top spenders [10]."),
    "on_refused": _word("What a refused file does [ON_REFUSED].", "stop or skip", "stop", "skip"),
    "max_reject_ratio": Rule(
        "a share from 0 to 1",
        lambda share: 0 <= share <= 1,
        "0..1",
        "Gate per delivery [MAX_REJECT_RATIO].",
        Annotated[float, Field(ge=0, le=1)],
    ),
    "max_replaced_ratio": Rule(
        "a share from 0 to 1",
        lambda share: 0 <= share <= 1,
        "0..1",
        "Gate on replaced orders [MAX_REPLACED_RATIO].",
        Annotated[float, Field(ge=0, le=1)],
    ),
    "today": _day("Day of files whose name tells none [TODAY]."),
}
_TRUTH = {"true": True, "false": False}
_TYPES: dict[str, Callable[[Any], Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": lambda value: _TRUTH[str(value).lower()],
}


class UsageError(ValueError):
    """A parameter that no notebook has, or a value that does not fit; found before any kernel starts."""


def declared(step: str) -> dict[str, str]:
    """Return the notebook's parameters: name → annotated type."""
    return {ast.unparse(line.target): ast.unparse(line.annotation) for line in _lines(step)}


def effective(step: str, typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of each of the notebook's parameters: the given one, else its own."""
    own = {ast.unparse(line.target): line.value for line in _lines(step)}
    return {name: ast.literal_eval(value) for name, value in own.items() if value} | dict(typed)


def check(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return step → the given parameters that its notebook has, as values of their annotated types.

    Raises UsageError for a name that no notebook has, or a value that is not of its type or breaks its rule.
    """
    names_of = {step: declared(step) for step in STEPS}
    known = sorted({name for names in names_of.values() for name in names})
    for name in given:
        if name not in known:
            raise UsageError(_unknown(name, known))
    return {
        step: {name: _fitting(name, value, names[name]) for name, value in given.items() if name in names}
        for step, names in names_of.items()
    }


def _unknown(name: str, known: list[str]) -> str:
    near = get_close_matches(name.lower(), known, 1)
    meant = f"did you mean {near[0]}? There" if near else "there"
    return f"no notebook has the parameter {name!r}; {meant} are: {', '.join(known)}"


def _lines(step: str) -> list[ast.AnnAssign]:
    """Return the annotated lines of the notebook's parameters cell. (nbformat takes a second to import.)"""
    notebook = json.loads((NOTEBOOKS / f"{step}.ipynb").read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", ())]
    tree = ast.parse("\n".join("".join(cell["source"]) for cell in cells))
    return [line for line in tree.body if isinstance(line, ast.AnnAssign)]


def _fitting(name: str, value: Any, annotation: str) -> Any:
    try:
        typed = _TYPES[annotation](value)
    except (KeyError, ValueError):
        raise UsageError(f"{name} is {value!r}; it must be of type {annotation}") from None
    if name in RULES and not RULES[name].fits(typed):
        raise UsageError(f"{name}: {value!r} is not {RULES[name].what}")
    return typed
