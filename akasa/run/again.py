"""The command that was given, as a line for a shell that gives it again."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import click
from pydantic import SecretStr

from akasa.run import terminal
from akasa.workspace.settings import Settings

MAKE = "AKASA_MAKE"  # set by the Makefile: the target, and the names of the variables that were given
MAKE_FROM = "AKASA_MAKE_FROM"  # and the folder in which make was called
_ENV_FILE = "AKASA_ENV_FILE"


def command(**changes: str) -> str:
    """Return the command, by make where make called, with other values of settings or options.

    An empty value takes one away. As in `make report AS_OF=2025-10-31 MAX_REJECT_RATIO=0.50`, or
    `.venv/bin/python -m akasa report …`.
    """
    target, *given = os.environ.get(MAKE, "").split() or [""]
    if target:
        values = {name: os.environ[name] for name in given if name in os.environ and not _is_secret(name)}
        values |= changes
        kept = {name: value for name, value in values.items() if value}
        return _line(_environment(without=given), [*_make(), target], kept)
    options = {name: flag for name in changes if (flag := _flag(name))}
    others = {name: value for name, value in changes.items() if name not in options}
    words = sys.argv[1:]
    for name, flag in options.items():
        words = [*_without(flag, words), *((flag, changes[name]) if changes[name] else ())]
    return _line(_environment() | others, [*_program(), *words], {})


def _without(flag: str, words: list[str]) -> list[str]:
    """Return words of a command line without an option and its value.

    >>> _without("--top-n", ["report", "--top-n", "3", "--top-n=4", "--as-of", "2025-10-31"])
    ['report', '--as-of', '2025-10-31']
    """
    pairs = zip(["", *words], words, strict=False)
    return [word for before, word in pairs if flag not in (before, word.partition("=")[0])]


def unshown() -> list[str]:
    """Return the names of secrets that the environment gives: the command needs them, and shows none."""
    return [name for name, value in sorted(os.environ.items()) if value and _is_secret(name)]


def _line(environment: Mapping[str, str], words: list[str], variables: Mapping[str, str]) -> str:
    for_make = [shlex.quote(f"{name}={value.replace('$', '$$')}") for name, value in variables.items()]
    before = [f"{name}={shlex.quote(value)}" for name, value in environment.items()]
    return " ".join([*before, *map(shlex.quote, words), *for_make])


def _environment(without: list[str] | None = None) -> dict[str, str]:
    """Return the settings that the environment gives, for the next shell may not; never a secret."""
    known = {*(name.upper() for name in Settings.model_fields), _ENV_FILE}
    return {
        name: value
        for name, value in sorted(os.environ.items())
        if value and name.upper() in known and name not in (without or []) and not _is_secret(name)
    }


def _is_secret(name: str) -> bool:
    field = Settings.model_fields.get(name.lower())
    return field is not None and SecretStr in get_args(field.annotation)


def _make() -> list[str]:
    here, called_in = Path.cwd(), Path(os.environ.get(MAKE_FROM) or ".")
    return ["make"] if called_in.resolve() == here else ["make", "-C", str(here)]


def _program() -> list[str]:
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return [terminal.path(Path(sys.executable)), "-m", "akasa"]
    found = shutil.which(called.name)
    return [called.name if found and Path(found).samefile(called) else terminal.path(called.absolute())]


def _flag(setting: str) -> str | None:
    """Return the option of the running command that stands for a setting, if it has one."""
    context = click.get_current_context(silent=True)
    flags = {one.name: one.opts[0] for one in context.command.params} if context else {}
    return flags.get(setting.lower())
