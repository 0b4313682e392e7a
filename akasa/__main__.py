"""The command line: `python -m akasa report`, and what else make calls."""

import gc
import io
import json
import sys
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any

import click

from akasa import __version__
from akasa.run import entry, explain, options
from akasa.run.reject_command import rejects
from akasa.workspace import masking, promotion, secrets, settings

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="akasa")
def main() -> None:
    """Exact KPIs from an airline's daily customers CSV and orders XML.

    Settings come from the environment or .env; .env.example lists them. Exit status: 0 done and reconciled,
    1 a step failed, the gate stopped or engines disagree, 2 wrong usage, 130 and 143 stopped by Ctrl-C or
    SIGTERM.
    """
    sys.excepthook = _crashed
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a console of few letters, which lacks ₹


@main.command()
@options.of_report
def report(
    parameters: dict[str, Any],
    force: bool,
    start: str | None,
    only: str | None,
    known_by: date | None,
    **given: dict[str, Any],
) -> None:
    """Run those of the five notebooks that are not up to date, and put the report in place.

    A step is up to date where all that it reads is what it was, and its outputs are still there.
    Every option is, in capitals, a variable of `make report`; those before -p are parameters of notebooks.
    With --known-by, the report is that of the deliveries first seen by a day; the stores stay as they are.
    """
    from akasa.run import console, terminal, way_out
    from akasa.run.told import StepFailed

    chosen = _settings()
    steps = options.chosen(force, start, only, known_by)
    with console.interrupted(), _remembered(chosen, known_by) as chosen, console.Ticker(chosen) as ticker:
        from akasa.run import pipeline  # where a step is run, it takes seconds: the first line stands by now

        try:
            page = pipeline.report(chosen, options.flat(parameters, given), ticker, steps)
        except StepFailed as error:
            ticker.failed(error)
            raise SystemExit(1) from None
        except RuntimeError as error:
            if type(error).__name__ not in way_out.KINDS:
                raise
            raise _failure(error) from None
        answer = (promotion.told(chosen.output_dir) or {})["answer"]
        ticker.done(f"{answer} → {terminal.path(page)}")
    gc.freeze()  # Python would look for garbage once more before it ends


@main.command()
@click.option("--start", metavar="YYYY-MM-DD", help="First order date of a range.")
@click.option("--end", metavar="YYYY-MM-DD", help="Last order date of the range, included.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
def backfill(start: str | None, end: str | None, dry_run: bool) -> None:
    """Derive what is published again from the deliveries, under the rules of today.

    Without --start and --end all of it, as if it were published only now. With both, the orders of those
    days; other days and all customers stay as they are. Of every delivery the file must be there, or what was
    read of it. `report` then computes the KPIs anew.
    """
    from akasa.run import changes, console

    days, chosen = _days(start, end), _settings()
    try:
        with console.interrupted(), console.status_line() as progress:
            told = changes.backfill(chosen, days, dry_run, progress)
    except (FileNotFoundError, ValueError, RuntimeError) as error:
        raise _failure(error) from None
    click.echo(masking.shown(told))


@main.command()
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
def withdraw(name: str, dry_run: bool) -> None:
    """Take back the delivery NAME (`incoming/x.xml`), as if it had never come.

    Earlier versions of its orders and customers stand again. `report` then computes the KPIs anew. Bytes that
    still lie there stay taken back; under another name they are a new delivery.
    """
    from akasa.run import changes, console

    chosen = _settings()
    try:
        with console.interrupted(), console.status_line() as progress:
            told = changes.withdraw(chosen, name, dry_run, progress)
    except (FileNotFoundError, LookupError, RuntimeError) as error:
        raise _failure(error) from None
    click.echo(masking.shown(told))


@main.command()
def notebooks() -> None:
    """Execute the committed notebooks anew on the bundled sample, in a throw-away workspace."""
    from akasa.run import samples

    samples.renew(lambda step: click.echo(f"{step} executed"))


@main.command(context_settings={"ignore_unknown_options": True})
@click.option("--reset", is_flag=True, help="Copy all notebooks into work/ anew; keep changed ones.")
@click.option("--bring-back", metavar="NOTEBOOK", help="Put work/NOTEBOOK's cells into notebooks/.")
@click.argument("options", nargs=-1, metavar="[JUPYTERLAB OPTIONS]...", type=click.UNPROCESSED)
def lab(reset: bool, bring_back: str | None, options: tuple[str, ...]) -> None:
    """Open the notebooks in JupyterLab, as copies in work/, where nothing committed or delivered changes.

    What they write goes to work/outputs/. They publish to DATA_DIR as a run does, and wait for one.
    """
    from akasa.run import lab

    _settings()
    if bring_back:
        try:
            found = lab.bring_back(bring_back)
        except LookupError as error:
            raise _failure(error) from None
        click.echo(f"notebooks/{found.name} has the cells of work/{found.name}; `make notebooks` executes it")
    elif reset:
        lab.reset(click.echo)
    else:
        try:
            lab.start(options, click.echo)
        except lab.NotInstalled as error:
            raise _failure(error) from None


@main.command()
def migrate() -> None:
    """Bring the database to the tables that this version expects. (A report does so by itself.)"""
    from akasa.stores import lock, soundness
    from akasa.stores.database import DatabaseUnavailable
    from akasa.stores.migrate import NewerDatabase, upgrade

    chosen = _settings()
    lock.settle(chosen)
    try:
        soundness.require_whole(chosen)
        before, after = upgrade(chosen)
        soundness.note(chosen)
    except (DatabaseUnavailable, NewerDatabase, soundness.TornDatabase) as error:
        raise _failure(error) from None
    click.echo(f"the database was at {before or 'nothing'}, and is at {after}")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="The same for programs.")
def status(as_json: bool) -> None:
    """Tell what is published, waiting, refused and rejected, and which run's outputs are in place.

    Whatever is wrong with the workspace is told, too; nothing is created or changed. Exit status 1 where the
    database cannot be read, so that nobody knows what is published.
    """
    from akasa.run import status

    found = status.look(_settings())
    told = json.dumps(asdict(found), indent=1, ensure_ascii=False) if as_json else status.words(found)
    click.echo(masking.shown(told))
    if found.published is None:
        raise SystemExit(1)


@main.command("settings")
@click.option("--json", "as_json", is_flag=True, help="The same for programs.")
def settings_in_force(as_json: bool) -> None:
    """Tell every setting, its value (secrets masked), and where that comes from.

    That is the environment, .env, the AWS secret or the default; or it is derived from another setting.
    """
    from akasa.run import effective

    found = effective.look(_settings())
    told = json.dumps(effective.for_programs(found), indent=1) if as_json else effective.words(found)
    click.echo(masking.shown(told))


@main.command()
@click.argument("run1", default="previous")
@click.argument("run2", default="latest")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--exit-code", is_flag=True, help="Exit with 1 where anything differs.")
def diff(run1: str, run2: str, form: str, exit_code: bool) -> None:
    """Tell what differs between two kept runs: KPIs by key and column, deliveries, parameters, versions.

    RUN1 [previous] and RUN2 [latest, the one in place] are names as in run.json, their beginnings, `latest`
    or `previous`. KEEP_RUNS says how many runs are kept.
    """
    from akasa.run import diff
    from akasa.stores import lock

    chosen = _settings()
    lock.settle(chosen)
    known = diff.runs(chosen)
    try:
        found = diff.between(chosen, diff.find(known, run1), diff.find(known, run2))
    except diff.NoSuchRun as error:
        raise click.UsageError(secrets.hide(str(error))) from None
    except (diff.Unreadable, OSError, ValueError) as error:
        raise _failure(error) from None
    told = json.dumps(asdict(found), indent=1, ensure_ascii=False) if form == "json" else diff.words(found)
    click.echo(secrets.hide(told))
    if exit_code and not found.is_empty:
        raise SystemExit(1)


@main.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def init(directory: Path) -> None:
    """Make a workspace in DIRECTORY: notebooks, the sample, .env.example and a Makefile.

    For an akasa that pip has installed: in that folder, `akasa report` runs its notebooks on its data.
    A folder that has anything but hidden files is refused.
    """
    from akasa.run import start

    try:
        start.make(directory)
    except OSError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"made {directory}; go there, and run: akasa report")


@main.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--orders", type=click.IntRange(0), default=1000, show_default=True, help="Distinct orders.")
@click.option("--customers", type=click.IntRange(0), default=200, show_default=True, help="Customers.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option("--dirty", type=click.FloatRange(0, 1), default=0.01, show_default=True, help="Share broken.")
def generate(directory: Path, **sizes: Any) -> None:
    """Write customers.csv and orders.xml of any size into DIRECTORY, in the shape of the daily feed."""
    from akasa.ingest.generate import generate as write

    with click.progressbar(
        length=sizes["orders"] + sizes["customers"], label="records", file=sys.stderr
    ) as bar:
        write(directory, **sizes, progress=lambda done, total: bar.update(done - bar.pos))
    click.echo(f"wrote {directory / 'customers.csv'} and {directory / 'orders.xml'}")


main.add_command(explain.command(lambda: _settings()))
main.add_command(rejects)


@contextmanager
def _remembered(chosen: settings.Settings, day: date | None) -> Iterator[settings.Settings]:
    """Give the settings of a workspace of what was known by a day; without a day, those that were chosen."""
    if day is None:
        yield chosen
        return
    from akasa.run import console
    from akasa.run import known_by as remembering

    with ExitStack() as held:
        try:
            with console.status_line() as progress:
                there = held.enter_context(remembering.workspace(chosen, day, progress))
        except (FileNotFoundError, LookupError, ValueError, RuntimeError) as error:
            raise _failure(error) from None
        yield there


def _days(start: str | None, end: str | None) -> tuple[date, date] | None:
    from akasa.run import changes, parameters

    try:
        return changes.days(start, end)
    except parameters.UsageError as error:
        raise click.UsageError(str(error)) from None


def _settings() -> settings.Settings:
    try:
        return entry.enter()
    except settings.SettingsError as error:
        raise click.UsageError(str(error)) from None


def _failure(error: Exception) -> click.ClickException:
    from akasa.run import console, terminal, way_out

    kind, said = type(error).__name__, str(error.args[0] if isinstance(error, LookupError) else error)
    on = f"\n\n{console.ways_on(kind, said)}" if kind in way_out.KINDS else ""
    return click.ClickException(terminal.shown(f"{said}{on}", sys.stderr))


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print what nobody caught, without secrets."""
    sys.stderr.write(masking.shown("".join(traceback.format_exception(kind, error, trace))))


if __name__ == "__main__":
    main()
