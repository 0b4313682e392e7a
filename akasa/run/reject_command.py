"""The command `rejects`: list what was turned away, and write it back for repair."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from akasa.run import entry
from akasa.workspace import masking, secrets
from akasa.workspace.settings import Settings, SettingsError

if TYPE_CHECKING:
    from akasa.report.turned_away import TurnedAway
    from akasa.run.reject_list import Choice


@click.command()
@click.option("--reason", metavar="REASON", help="With this reason, be it with others [any].")
@click.option("--delivery", metavar="NAME", help="Of this delivery [all].")
@click.option("--open", "only_open", is_flag=True, help="Open ones alone: nothing has mended them yet.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table")
@click.option("--export", "to", metavar="FILE", type=click.Path(path_type=Path), help="For repair.")
@click.option("--force", is_flag=True, help="Write over the file of --export.")
def rejects(
    reason: str | None,
    delivery: str | None,
    only_open: bool,
    form: str,
    to: Path | None,
    force: bool,
) -> None:
    """List the rejected records, or write open ones to a file, to be mended and delivered again.

    A record is open until a version of its order or customer stands that was delivered later, or until a
    repair of it is accepted. --export FILE.xml has orders, each with all its lines, FILE.csv customers; they
    hold numbers as delivered, whatever MASK_PII says. Deliver the mended file under any name: each of its
    records stands right behind the one that it repairs.
    """
    from akasa.report import turned_away
    from akasa.run import reject_list
    from akasa.stores.database import DatabaseUnavailable

    settings = _settings()
    try:
        found = turned_away.look(settings)
        choice = reject_list.choice(found, reason, delivery, only_open)
        if to:
            _export(found, choice, to, force)
        elif form == "table":
            click.echo(masking.shown(reject_list.table(found, choice)))
        else:
            _stream(
                reject_list.as_json(found, choice) if form == "json" else reject_list.as_csv(found, choice)
            )
    except reject_list.Unknown as error:
        raise click.UsageError(masking.shown(error.args[0])) from None
    except (DatabaseUnavailable, turned_away.Behind) as error:
        raise click.ClickException(secrets.hide(str(error.args[0]))) from None


def _settings() -> Settings:
    try:
        return entry.enter()
    except SettingsError as error:
        raise click.UsageError(str(error)) from None


def _stream(parts: Iterator[str]) -> None:
    for part in parts:
        sys.stdout.write(secrets.hide(part))


def _export(found: "TurnedAway", choice: "Choice", to: Path, force: bool) -> None:
    from akasa.report import repair
    from akasa.run import reject_list

    kind = _kind(to)
    _require_free(found.settings, to, force)
    try:
        done = repair.export(found, kind, choice.of, to)
    except repair.CannotExport as error:
        raise click.UsageError(masking.shown(str(error))) from None
    if done.records:
        click.echo(masking.shown(reject_list.exported(done, str(to))))
    else:
        _tell_of_nothing(found, choice, kind)


def _kind(to: Path) -> str:
    from akasa.ingest.deliveries import KINDS

    kind = KINDS.get(to.suffix.lower())
    if kind is None:
        raise click.BadParameter(f"{to.name} is to end in .xml, for orders, or in .csv, for customers")
    return kind


def _require_free(settings: Settings, to: Path, force: bool) -> None:
    base = {one.resolve() for one in (settings.customers_csv, settings.orders_xml)}
    if to.resolve().parent == settings.incoming.resolve() or to.resolve() in base:
        raise click.BadParameter(f"{to} would be delivered before it is mended: write it elsewhere")
    if to.is_dir() or (to.exists() and not force):
        raise click.BadParameter(f"{to} is there already; --force writes over it")


def _tell_of_nothing(found: "TurnedAway", choice: "Choice", kind: str) -> None:
    from dataclasses import replace

    from akasa.report import repair
    from akasa.run import reject_list

    opened = replace(choice, only_open=True)
    others = sum(
        len(found.records(one)[opened.of(one, found.records(one))])
        for one in found.sources
        if one.kind != kind
    )
    if others:
        other = next(name for name in repair.ENDINGS if name != kind)
        raise click.UsageError(
            f"the open rejected records{choice} are {other}: export them to a {repair.ENDINGS[other]} file"
        )
    click.echo(masking.shown(f"{reject_list.nothing(opened)}: nothing was written"))
