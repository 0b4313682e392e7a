"""What the outputs in place were made of, step by step; kept in DATA_DIR, for names in it tell of people.

It is written after the outputs took their places, and names each of them by its SHA-256: where a crash came
between, it is of other outputs, and says nothing of these.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from akasa.run.ingredients import SAID, UNKNOWN, Ingredients, Part
from akasa.workspace import files
from akasa.workspace.settings import Settings

_FORM = 1  # of the record itself
_OUTPUTS, _EXACT = "outputs/", "data/exact/"


@dataclass(frozen=True)
class Made:
    """The ingredients of a step's outputs, and its outputs: name → SHA-256.

    A name is `outputs/…`, or `data/exact/…` of a KPI file that is kept unmasked.
    """

    ingredients: Ingredients
    files: Part


def path(settings: Settings) -> Path:
    return settings.data_dir / ".run.steps" / settings.output_dir.name


def read(settings: Settings) -> dict[str, Made]:
    """Return what is recorded, by step; nothing where no run of this kind has put its outputs in place."""
    try:
        found = json.loads(path(settings).read_text("utf-8"))
        return _unpacked(found) if found["form"] == _FORM else {}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def write(settings: Settings, made: Mapping[str, Made]) -> None:
    with files.private():
        files.write_text(path(settings), json.dumps(_packed(made), indent=1) + "\n")


def place(settings: Settings, name: str) -> Path:
    """Return where a file of that name lies."""
    if name.startswith(_EXACT):
        return settings.exact / name.removeprefix(_EXACT)
    return settings.output_dir / name.removeprefix(_OUTPUTS)


def names(settings: Settings) -> set[str]:
    """Return the names of all files that steps have written where these settings let them write."""
    folders = ((_OUTPUTS, settings.output_dir), (_EXACT, settings.exact))
    return {
        f"{label}{file.relative_to(folder).as_posix()}"
        for label, folder in folders
        for file in folder.rglob("*")
        if file.is_file()
    }


def lost(settings: Settings, made: Made) -> Iterator[str]:
    """Say of each of a step's outputs that is no longer what it wrote what has become of it."""
    for name, digest in made.files.items():
        file = place(settings, name)
        if not file.is_file():
            yield f"{name} is gone"
        elif file.is_symlink() or files.sha256(file) != digest:
            yield f"{name} changed"


def differences(before: Ingredients, now: Ingredients) -> Iterator[str]:
    """Say what became of each ingredient that is not what it was, in the parts that are given now."""
    for part, there in now.items():
        was = before.get(part, {})
        known = {name: value for name, value in there.items() if value != UNKNOWN}
        yield from (f"{name} cannot be read" for name in there if name not in known)
        yield from (_new(part, name, value) for name, value in known.items() if name not in was)
        yield from (
            _changed(part, name, value, was[name])
            for name, value in known.items()
            if was.get(name, value) != value
        )
        yield from (_gone(part, name, was[name]) for name in was if name not in there)


def reason(told: Iterator[str]) -> str | None:
    """Return the first thing that was said, and how many more there are; None where there is none.

    >>> reason(iter(["akasa/kpis/sql.py changed", "akasa/kpis/dask.py changed"]))
    'akasa/kpis/sql.py changed (and 1 more)'
    """
    first, *more = [*told] or [""]
    return f"{first} (and {len(more)} more)" if more else first or None


def _new(part: str, name: str, value: str) -> str:
    if value == SAID:
        return name
    if part == "versions":
        return f"{name} {value} is installed"
    return f"{_NAMED[part].format(name)} is {value}" if part in _NAMED else f"{name} is new"


def _changed(part: str, name: str, value: str, was: str) -> str:
    return f"{_NAMED[part].format(name)} is {value}, was {was}" if part in _NAMED else f"{name} changed"


def _gone(part: str, name: str, was: str) -> str:
    return (
        f"it is no longer so that {name}" if was == SAID else f"{_NAMED.get(part, '{}').format(name)} is gone"
    )


# Parts whose values people can read, and what a name is called there.
_NAMED = {
    "parameters": "the parameter {}",
    "settings": "the setting {}",
    "versions": "{}",
    "silence": "the number of {}",
}


def _packed(made: Mapping[str, Made]) -> dict[str, Any]:
    """Return the record as it is written: a part that several steps share stands there once."""
    parts: dict[str, Part] = {}

    def key(part: Part) -> str:
        digest = hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()
        parts[digest] = part
        return digest

    steps = {
        step: {
            "ingredients": {name: key(part) for name, part in one.ingredients.items()},
            "files": dict(one.files),
        }
        for step, one in made.items()
    }
    return {"form": _FORM, "steps": steps, "parts": parts}


def _unpacked(found: Mapping[str, Any]) -> dict[str, Made]:
    return {
        step: Made(
            {name: found["parts"][digest] for name, digest in one["ingredients"].items()}, one["files"]
        )
        for step, one in found["steps"].items()
    }
