"""The same run as Prefect's flows: `python -m akasa.flow` runs one; with --serve, it waits for them.

Each step is a task run of its own name. What may pass by itself is tried again; a gate, a disagreement, bad
parameters and refused files are not.
"""

import contextvars
import importlib
import inspect
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from functools import partial
from typing import Any, Literal

import click

if __name__ == "__main__":  # by its own name, under which runners find the flows
    try:
        importlib.import_module("akasa.flow").main()
    except ImportError as lacking:
        if lacking.name:
            raise
        click.UsageError(str(lacking)).show()
        sys.exit(2)

from akasa.run import tasks  # before Prefect, which it keeps from telling of us

# isort: split
from httpx import HTTPError
from prefect import flow, get_client, get_run_logger, runtime, serve
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.exceptions import FailedRun, TerminationSignal
from prefect.settings import get_current_settings
from prefect.states import Cancelled, Completed, Failed
from prefect.types.entrypoint import EntrypointType

from akasa.run import changes, console, due, entry, options, passing, pipeline, serving, summary, watch
from akasa.run import known_by as remembering
from akasa.run.parameters import RULES
from akasa.run.parameters import day as day_of
from akasa.run.steps import STEPS
from akasa.run.told import DONE, Ended, Told
from akasa.workspace import masking
from akasa.workspace.settings import SettingsError

SECONDS_BETWEEN_LOOKS = 5.0


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of a run's log tells more than the state that the run has just ended in."""
    return not (record.exc_info and isinstance(record.exc_info[1], FailedRun))


logging.getLogger("prefect.flow_runs").addFilter(_is_news)


def _report(
    force: bool = False,
    start: str | None = None,
    only: str | None = None,
    parameters: dict[str, Any] | None = None,
    known_by: date | str | None = None,
    **by_name: Any,
) -> str:
    given = {**(parameters or {}), **{name: value for name, value in by_name.items() if value is not None}}
    day = None if known_by is None else day_of(str(known_by), "--known-by")
    chosen = due.chosen(force, start, only, day)
    settings = tasks.attempted(tasks.SETTINGS, entry.enter)
    with ExitStack() as opened:
        if day:
            there = partial(remembering.workspace, settings, day, _say)
            settings = tasks.attempted(tasks.REMEMBER, lambda: opened.enter_context(there()))
        watched = opened.enter_context(watch.over(settings, _tell))
        begin = partial(pipeline.opened, settings, given, watched, chosen)
        run = tasks.attempted(tasks.BEGIN, lambda: opened.enter_context(begin()))
        for step in STEPS:
            tasks.attempted(step, partial(_go, run, step))
        page = tasks.attempted(tasks.PLACE, run.promote)
        if settings.publish_url:
            tasks.attempted(tasks.PUBLISH, run.publish)
        told = summary.of_run(settings, run.ended, page)
    create_table_artifact(told.steps, key="akasa-steps", description="The steps of the run")
    for name, rows in told.kpis.items():
        create_table_artifact(rows, key=f"akasa-{name.replace('_', '-')}", description=name)
    create_markdown_artifact(told.markdown, key="akasa-report", description=told.answer)
    return told.answer


def _go(run: pipeline.Run, step: str) -> State[Any]:
    """Run a step; the state's name says whether it was run, or left as it is."""
    if runtime.task_run.run_count > 1:
        run.hold_again()
    run.go(step)
    ended = run.ended[-1]
    reason = masking.shown(ended.reason)
    return Completed(name=None if ended.status == DONE else ended.status.capitalize(), message=reason)


def _backfill(start: date | None, end: date | None, dry_run: bool) -> str:
    of = changes.days(*(None if day is None else str(day) for day in (start, end)))
    settings = tasks.attempted(tasks.SETTINGS, entry.enter)
    return _changed(tasks.BACKFILL, partial(changes.backfill, settings, of, dry_run, _say))


def _withdraw(name: str, dry_run: bool) -> str:
    settings = tasks.attempted(tasks.SETTINGS, entry.enter)
    return _changed(tasks.WITHDRAW, partial(changes.withdraw, settings, name, dry_run, _say))


def _changed(name: str, change: Callable[[], str]) -> str:
    """Make a change of what is published; keep what it says as an artifact, and return its last line."""
    told = masking.shown(tasks.attempted(name, change))
    create_markdown_artifact(f"```text\n{told}\n```", key=f"akasa-{name}", description=f"What {name} did")
    return told.splitlines()[-1]


def _concluded(do: Callable[[], str]) -> State[Any]:
    """Return the state that a flow ends in: what it came to, or the cause why not, in our words."""
    with _looked_after() as asked:
        try:
            return Completed(message=masking.shown(do()))
        except TerminationSignal:
            if asked.is_set():
                return Cancelled(message="stopped; earlier outputs are untouched")
            raise
        except Exception as error:
            if not passing.is_ours(error):
                raise
            create_markdown_artifact(
                summary.of_failure(error), key="akasa-failure", description=summary.cause(error)[:200]
            )
            return Failed(message=summary.cause(error))


@contextmanager
def _looked_after() -> Iterator[threading.Event]:
    """End this process's run where somebody cancels it, as a runner does for those of its deployments."""
    asked, over = threading.Event(), threading.Event()

    def look(run: Any) -> None:
        with get_client(sync_client=True) as client:
            while not over.wait(SECONDS_BETWEEN_LOOKS):
                try:
                    state = client.read_flow_run(run).state
                except HTTPError:  # the server is away: it may be back at the next look
                    continue
                if state and state.is_cancelling() and not over.is_set():
                    asked.set()
                    os.kill(os.getpid(), signal.SIGTERM)
                    return

    # Prefect's temporary server is known to this process alone.
    alone = runtime.deployment.id is None and get_current_settings().api.url
    if alone and threading.current_thread() is threading.main_thread():
        run = contextvars.copy_context().run  # where Prefect keeps its settings
        threading.Thread(target=run, args=(look, runtime.flow_run.id), daemon=True).start()
    try:
        yield asked
    finally:
        over.set()


def _tell(told: Told | Ended) -> None:
    if isinstance(told, Ended):
        because = f", because {told.reason}" if told.reason else ""
        _say(f"{told.step} {told.status} in {told.seconds:.1f} s{because}")


def _say(text: str) -> None:
    get_run_logger().info(masking.shown(text))


def _with_forms(run: Callable[..., State[Any]]) -> Callable[..., State[Any]]:
    """Give the flow the parameters of the command line, with types and help, for Prefect's forms."""
    kinds = {
        **{name: rule.kind | None for name, rule in RULES.items()},
        "parameters": dict[str, Any] | None,
        "force": bool,
        "start": Literal[STEPS] | None,
        "only": Literal[STEPS] | None,
        "known_by": date | None,
    }
    forms = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=False if kind is bool else None, annotation=kind
        )
        for name, kind in kinds.items()
    ]
    run.__signature__ = inspect.Signature(forms)  # type: ignore[attr-defined]
    helps = "\n".join(f"    {name}: {options.HELP[name]}" for name in kinds)
    run.__doc__ = f"{run.__doc__}\n\nArgs:\n{helps}"
    return run


@flow(validate_parameters=False)
@_with_forms
def report(**given: Any) -> State[Any]:
    """Run those of the five notebooks that are not up to date, and put the report in place."""
    return _concluded(partial(_report, **given))


@flow(validate_parameters=False)
def backfill(start: date | None = None, end: date | None = None, dry_run: bool = False) -> State[Any]:
    """Derive what is published again from the deliveries, under the rules of today: all, or some days."""
    return _concluded(partial(_backfill, start, end, dry_run))


@flow(validate_parameters=False)
def withdraw(name: str, dry_run: bool = False) -> State[Any]:
    """Take back a delivery (`incoming/x.xml`), as if it had never come."""
    return _concluded(partial(_withdraw, name, dry_run))


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@options.of_report
@click.option("--serve", "serves", is_flag=True, help="Wait for runs: of the schedule, of Prefect's page.")
@click.option("--cron", metavar="'M H D M W'", help="With --serve: when a report is run by itself.")
@click.option("--timezone", metavar="ZONE", help="Where --cron's clock is [BUSINESS_TIMEZONE].")
def main(
    parameters: dict[str, Any],
    force: bool,
    start: str | None,
    only: str | None,
    known_by: date | None,
    serves: bool,
    cron: str | None,
    timezone: str | None,
    **by_name: dict[str, Any],
) -> None:
    """Run the report as a flow of Prefect's; with --serve, wait for runs instead.

    PREFECT_API_URL names Prefect's server. Without one, a single run has a server of its own while it lasts.
    With --serve, the options of the report are what each run takes by default; backfill and withdraw are
    served, too. Of a flow, one run goes on at a time.
    """
    options.chosen(force, start, only, known_by)
    steps = {"force": force or None, "start": start, "only": only, "known_by": known_by and str(known_by)}
    given = {**options.flat(parameters, by_name), **{name: one for name, one in steps.items() if one}}
    if serves:
        _serve(given, cron, timezone)
    elif cron or timezone:
        raise click.UsageError("--cron and --timezone go with --serve")
    else:
        _run_once(given)


def _run_once(given: dict[str, Any]) -> None:
    """Run one report; exit with 1 where it fails."""
    with console.interrupted(), serving.server():
        state = report(**given, return_state=True)
    if not state.is_completed():
        raise SystemExit(1)


def _serve(given: dict[str, Any], cron: str | None, timezone: str | None) -> None:
    """Serve the three flows until the process is stopped."""
    try:
        schedules = serving.schedule(cron, timezone or entry.enter().business_timezone)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    if not get_current_settings().api.url:
        raise click.UsageError(
            "no server of Prefect's is named: run `prefect server start`, and set PREFECT_API_URL to it, "
            "such as http://127.0.0.1:4200/api"
        )
    serving.require_answer()
    common: dict[str, Any] = {"entrypoint_type": EntrypointType.MODULE_PATH, "concurrency_limit": 1}
    served: list[Any] = [
        report.to_deployment("akasa", parameters=given, schedules=schedules, **common),
        backfill.to_deployment("akasa", **common),
        withdraw.to_deployment("akasa", **common),
    ]
    serve(*served)
