"""`python -m akasa explain`: from any number to the delivered lines that make it."""

import json
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from akasa.workspace import secrets
from akasa.workspace.settings import Settings

if TYPE_CHECKING:
    from akasa.trace.question import Question

_PAIR = re.compile(r"\s+(?=[A-Za-z_]\w*=)")
_FORMATS = click.Choice(["table", "json", "csv"])


def command(load: Callable[[], Settings]) -> click.Command:
    """Return the command; `load` gives the settings, or ends with what is wrong with them."""

    @click.command("explain")
    @click.argument("what", metavar="KPI|order|customer|number")
    @click.argument("where", nargs=-1, metavar="[COLUMN=VALUE|ID]...")
    @click.option("--as-of", metavar="YYYY-MM-DD", help="Last day that counts [that of the last report].")
    @click.option("--window-days", metavar="NUMBER", help="Days that top spenders look back [same].")
    @click.option("--top-n", metavar="NUMBER", help="How many top spenders [same].")
    @click.option("--format", "form", type=_FORMATS, default="table", show_default=True)
    def explain(what: str, where: tuple[str, ...], form: str, **options: str | None) -> None:
        """Show the delivered lines that make a number, or the whole story of one order, customer or number.

        `explain regional_revenue region=South` tells every order that counts in that row: whose it is and
        why, its lines as they were delivered, what does not count and might have been expected to. All is
        recomputed from the lines alone; where that is not what was reported, exit status 1. Without a
        COLUMN=VALUE every row is explained. `explain order ORD-2025-0019`, `explain customer CUST-011` and
        `explain number 9886743109` tell all that was delivered of it, and what became of it.
        """
        given = _checked(options)
        _answered(load(), what, " ".join(where), form, given)

    return explain


def _checked(options: dict[str, str | None]) -> dict[str, Any]:
    from akasa.run import parameters

    try:
        typed = parameters.check({name: value for name, value in options.items() if value is not None})
    except parameters.UsageError as error:
        raise click.UsageError(str(error)) from None
    return {name: value for own in typed.values() for name, value in own.items()}


def _answered(settings: Settings, what: str, where: str, form: str, given: dict[str, Any]) -> None:
    from akasa.run import terminal
    from akasa.stores import lock
    from akasa.stores.database import DatabaseUnavailable
    from akasa.stores.published import NothingPublished
    from akasa.trace import story
    from akasa.trace.delivered import Lost
    from akasa.trace.question import NotAsked

    lock.settle(settings)
    try:
        _require_published(settings)
        if what in story.THINGS:
            _story(settings, what, where, form, given)
        else:
            _kpi(settings, what, where, form, given)
    except NotAsked as error:
        raise click.UsageError(_shown(settings, str(error))) from None
    except NothingPublished:
        raise click.ClickException(
            "nothing is published yet: `make report` publishes what lies there"
        ) from None
    except BrokenPipeError:  # `| head` has seen enough; click ends in silence
        raise
    except (DatabaseUnavailable, Lost, OSError) as error:
        raise click.ClickException(_shown(settings, terminal.shown(str(error), sys.stderr))) from None


def _require_published(settings: Settings) -> None:
    from akasa.stores import database, migrate
    from akasa.stores.published import NothingPublished

    if not database.exists(settings):
        raise NothingPublished
    with database.connection(settings, read_only=True) as opened:
        now, wanted = migrate.current(opened), migrate.scripts().get_current_head()
    if now is None:
        raise NothingPublished
    if now != wanted:
        raise click.ClickException(f"the database is at {now}, this version expects {wanted}: `make migrate`")
    if database.ledger(settings).empty:
        raise NothingPublished


def _story(settings: Settings, thing: str, name: str, form: str, given: dict[str, Any]) -> None:
    from akasa.trace import story, words
    from akasa.trace.question import NotAsked

    if form == "csv" or given:
        raise NotAsked(f"the story of one {thing} is told as table or json, of all days")
    if not name:
        raise NotAsked(f"name the {thing}: explain {thing} {'9886743109' if thing == 'number' else 'ID'}")
    told = story.tell(settings, thing, name)
    told = words.masked(told) if settings.mask_pii else told
    _show(settings, _json(told) if form == "json" else story.text(told), form)


def _kpi(settings: Settings, kpi: str, where: str, form: str, given: dict[str, Any]) -> None:
    from akasa.trace import answer, question, words

    asked = question.ask(settings, kpi, _pairs(where), **given)
    if form == "csv":
        _stream(settings, asked)
        return
    question.require_few(asked)
    told = answer.answered(answer.explain(settings, asked))
    shown = words.masked(told) if settings.mask_pii else told
    _show(settings, _json(shown) if form == "json" else words.text(shown), form)
    _require_adding_up(told["rows"], form)


def _stream(settings: Settings, asked: "Question") -> None:
    """Print all lines as CSV, as they are read, and then say whether they add up."""
    from akasa.trace import answer, words

    explained = answer.explain(settings, asked, whole=True)
    for line in words.lines(explained, settings.mask_pii):
        click.echo(line, nl=False)
    rows = [
        {"key": asked.key(row), "differences": explained.proof.differences(place)}
        for place, row in enumerate(asked.rows)
    ]
    _require_adding_up([{**row, "adds_up": not row["differences"]} for row in rows], "csv")


def _require_adding_up(rows: list[dict[str, Any]], form: str) -> None:
    """End with exit status 1 where a row does not; say on stderr which, unless the table has."""
    wrong = [row for row in rows if not row["adds_up"]]
    for row in wrong if form != "table" else ():
        key = " ".join(f"{column}={value}" for column, value in row["key"].items())
        click.echo(f"{key} does not add up: {'; '.join(row['differences'])}", err=True)
    if wrong:
        raise SystemExit(1)


def _pairs(where: str) -> dict[str, str]:
    from akasa.trace.question import NotAsked

    found = {}
    for pair in _PAIR.split(where.strip()) if where.strip() else ():
        column, equals, value = pair.partition("=")
        if not equals:
            raise NotAsked(f"{pair!r} is not COLUMN=VALUE")
        found[column.strip()] = value.strip()
    return found


def _json(told: dict[str, Any]) -> str:
    return json.dumps(told, indent=1, ensure_ascii=False)


def _show(settings: Settings, text: str, form: str) -> None:
    from akasa.run import terminal

    click.echo(secrets.hide(text) if form == "json" else terminal.shown(text, sys.stdout))


def _shown(settings: Settings, text: str) -> str:
    from akasa.workspace import masking

    return masking.text(secrets.hide(text)) if settings.mask_pii else secrets.hide(text)
