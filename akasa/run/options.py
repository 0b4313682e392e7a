"""The options of `report`, for every command line that runs one: parameters of notebooks, and which steps."""

from collections import ChainMap
from collections.abc import Callable, Mapping
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeVar

import click

from akasa.run import parameters
from akasa.run.parameters import RULES, UsageError

if TYPE_CHECKING:
    from akasa.run.due import Chosen

HELP = {
    **{name: rule.help for name, rule in RULES.items()},
    "parameters": "Any notebook parameter.",
    "force": "Run all steps, up to date or not.",
    "start": "Run this step and those behind it in any case.",
    "only": "Run this step alone, on what the others left.",
    "known_by": "Of deliveries seen by that day: outputs/known_by/DAY/.",
}
_Command = TypeVar("_Command", bound=Callable[..., Any])


def of_report(command: _Command) -> _Command:
    """Give a command an option for each rule of `parameters`, -p, --force, --from, --only and --known-by."""
    return reduce(lambda made, option: option(made), reversed(_options()), command)


def _options() -> list[Callable[[Any], Any]]:
    by_name = [
        click.option(_flag(name), metavar=rule.shown, help=HELP[name], callback=_fitting)
        for name, rule in RULES.items()
    ]
    pairs: dict[str, Any] = {"metavar": "NAME=VALUE", "multiple": True, "help": HELP["parameters"]}
    return [
        *by_name,
        click.option("-p", "parameters", callback=_fitting, **pairs),
        click.option("--force", is_flag=True, help=HELP["force"]),
        click.option("--from", "start", metavar="STEP", help=HELP["start"]),
        click.option("--only", metavar="STEP", help=HELP["only"]),
        click.option("--known-by", metavar="YYYY-MM-DD", help=HELP["known_by"], callback=_day),
    ]


def flat(pairs: Mapping[str, Any], given: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the parameters that a command was given: by options of their own, else by -p."""
    return dict(ChainMap(*map(dict, given.values()), dict(pairs)))


def chosen(force: bool, start: str | None, only: str | None, known_by: date | None) -> "Chosen":
    """Return the steps that somebody chose. Raises click's UsageError."""
    from akasa.run import due

    try:
        return due.chosen(force, start, only, known_by)
    except UsageError as error:
        raise click.UsageError(str(error)) from None


def _day(_: click.Context, option: click.Parameter, given: str | None) -> date | None:
    try:
        return None if given is None else parameters.day(given, "--known-by")
    except UsageError as error:
        raise click.BadParameter(str(error)) from None


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _fitting(_: click.Context, option: click.Parameter, given: Any) -> dict[str, Any]:
    """Return an option of `report`, or its pairs of -p, as notebook parameters that keep their rules."""
    pairs = map(_pair, given) if isinstance(given, tuple) else [(option.name, given)]
    found = {str(name): value for name, value in pairs if value is not None}
    try:
        if found:
            parameters.check(found)
    except UsageError as error:
        raise click.BadParameter(str(error)) from None
    return found


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="-p")
    return name, value
