"""Change what is published, other than by a report: derive it again, or take a delivery back."""

from collections.abc import Callable
from datetime import date

from akasa.publish import backfill as filling
from akasa.publish import withdraw as taking_back
from akasa.run import outcomes, parameters
from akasa.run.parameters import UsageError
from akasa.stores import lock, migrate
from akasa.workspace.settings import Settings

Days = tuple[date, date]


def days(start: str | None, end: str | None) -> Days | None:
    """Return the days of a backfill, both included; None for all. Raises UsageError."""
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise UsageError("a range of days has both --start and --end; without either, all is derived")
    first, last = parameters.day(start, "--start"), parameters.day(end, "--end")
    if first > last:
        raise UsageError(f"--end: {last} is before --start {first}")
    return first, last


def backfill(settings: Settings, of: Days | None, dry_run: bool, progress: Callable[[str], None]) -> str:
    """Derive what is published again, under the rules of today; return what that changes, in words.

    Raises Busy, DatabaseUnavailable, FileNotFoundError, ValueError, and RuntimeError where the gate stops it.
    """
    with lock.run(settings):
        migrate.upgrade(settings)
        change = filling.derive(settings, *of, progress) if of else filling.derive_all(settings, progress)
        if not dry_run:
            progress("auditing and publishing")
            filling.commit(settings, change)
    return outcomes.backfilled(change, dry_run)


def withdraw(settings: Settings, name: str, dry_run: bool, progress: Callable[[str], None]) -> str:
    """Take a delivery back; return what that changes, in words.

    Raises Busy, DatabaseUnavailable, FileNotFoundError, and LookupError where there is none of that name.
    """
    with lock.run(settings):
        migrate.upgrade(settings)
        progress("looking for the versions that stand without it")
        withdrawal = taking_back.derive(settings, name)
        if not dry_run:
            progress("publishing")
            taking_back.commit(settings, withdrawal)
    return outcomes.withdrawn(withdrawal, dry_run)
