"""What `make report` shows: a line a step, how far a long step is, the KPIs, and the way out of a failure."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType

import pandas as pd

from akasa.kpis import results
from akasa.kpis.definitions import DEFINITIONS
from akasa.publish import differences
from akasa.publish.differences import Change
from akasa.publish.withdraw import Withdrawal
from akasa.report import formats
from akasa.run.pipeline import Ended, StepFailed, Told
from akasa.workspace import masking, progress
from akasa.workspace.settings import Settings

_ROWS = 5
_LINE = "{:<16}{:<8}{:>8}  {}"
_SECONDS_BETWEEN = {True: 0.5, False: 30.0}


class Ticker:
    """Shows on stderr how far the running step is: in place on a terminal, else a line every 30 seconds."""

    def __init__(self, progress_file: Path) -> None:
        self.progress_file = progress_file
        self.now: Told | None = None
        self.at = time.monotonic()
        self.stopped = threading.Event()
        self.live = sys.stderr.isatty()
        self.thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> "Ticker":
        print(_LINE.format("step", "status", "seconds", "output"))
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self.thread.join()
        self._clear()

    def __call__(self, told: Told | Ended) -> None:
        self.now, self.at = (told if isinstance(told, Told) else None), time.monotonic()
        if isinstance(told, Ended):
            self._clear()
            page = f"outputs/notebooks/{told.step}.html"
            print(_LINE.format(told.step, told.status, f"{told.seconds:.1f}", page), flush=True)

    def _tick(self) -> None:
        while not self.stopped.wait(_SECONDS_BETWEEN[self.live]):
            now = self.now
            if now is not None:
                seconds = now.seconds + time.monotonic() - self.at
                text = f"{now.step}  cell {now.cell} of {now.cells}, {seconds:.0f} s"
                self._show(f"{text}  {progress.told(self.progress_file)}")

    def _show(self, text: str) -> None:
        text = masking.shown(text)
        print(f"\r\033[K{text[:100]}" if self.live else text, end="" if self.live else "\n", file=sys.stderr)
        sys.stderr.flush()

    def _clear(self) -> None:
        if self.live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def summary(settings: Settings, page: Path) -> str:
    """Return the four KPIs as plain tables (first rows) and where the report is."""
    parts = []
    for kpi in DEFINITIONS:
        frame = results.read_json(settings.output_dir / results.file_name("sql", kpi), kpi)
        rest = f" (first {_ROWS} of {len(frame)})" if len(frame) > _ROWS else ""
        shown = formats.table(kpi, frame.head(_ROWS))
        text = shown.to_string(index=False) if len(frame) else "(no rows)"
        parts.append(f"{kpi.replace('_', ' ')}{rest}\n{text}\n")
    return "\n".join([*parts, f"done and reconciled; open {page}"])


def backfilled(change: Change, dry_run: bool) -> str:
    """Return what a backfill changed, or would change: a row a month, customers, and orders left alone."""
    months = differences.monthly(change)
    totals = months.drop(columns="month").sum()
    shown = pd.concat([months, pd.DataFrame([{"month": "all", **totals}])], ignore_index=True)
    money = {name: shown[name].map(formats.indian) for name in ("revenue_before", "revenue_after")}
    parts = [shown.assign(**money).to_string(index=False)]
    if len(change.staying):
        rest = f" (first {_ROWS} of {len(change.staying):,})" if len(change.staying) > _ROWS else ""
        parts.append(
            f"left where they stand, for they would cross the range's border{rest}; a range with both days "
            f"takes them along:\n{change.staying.head(_ROWS).to_string(index=False)}"
        )
    customers = change.customers
    if len(customers.all):
        added, changed, removed = map(len, (customers.added, customers.changed, customers.removed))
        parts.append(f"customers: {added:,} added, {changed:,} changed, {removed:,} removed")
    if dry_run:
        parts.append("dry run: nothing was changed")
    elif len(change.orders.all) or len(customers.all):
        parts.append("published; `make report` computes the KPIs anew")
    else:
        parts.append("no row to change: the rules of today give what is published")
    return "\n\n".join(parts)


def withdrawn(withdrawal: Withdrawal, dry_run: bool) -> str:
    """Return what a withdrawal changed, or would change."""
    delivery, held, back = withdrawal.delivery, len(withdrawal.held), withdrawal.back
    return (
        f"{delivery.name}: {held:,} {delivery.kind} were its own; {back:,} go back to an earlier version, "
        f"{held - back:,} are removed\n"
        + ("dry run: nothing was changed" if dry_run else "withdrawn; `make report` computes the KPIs anew")
    )


@contextmanager
def status_line() -> Iterator[Callable[[str], None]]:
    """Give a function that shows on stderr, in place, what is being done; nowhere but on a terminal."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    try:
        yield lambda text: print(f"\r\033[K{masking.shown(text)[:100]}", end="", file=sys.stderr, flush=True)
    finally:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def failure(failed: StepFailed, command: Sequence[str]) -> str:
    """Return the failed step, the cell's own error first, the file to open and the command to go on with."""
    return "\n".join(
        [
            _LINE.format(failed.step, "FAILED", "", ""),
            "",
            failed.cause,
            "",
            f"open     {failed.saved}",
            f"go on    {' '.join(command)}   (when the cause is mended; nothing is done twice)",
        ]
    )


class Stopped(KeyboardInterrupt):
    """The process was asked to end by a signal, as Ctrl-C asks for it."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__()


@contextmanager
def interrupted(command: Sequence[str]) -> Iterator[None]:
    """Say on Ctrl-C or SIGTERM that nothing was lost and how to go on; exit 130 or 143.

    Until then, what runs has its kernel stopped and its locks released. A second signal ends it at once.
    """
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except Stopped as stopped:
        print(f"\nstopped; earlier outputs are untouched. Go on with: {' '.join(command)}", file=sys.stderr)
        raise SystemExit(128 + stopped.number) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, _: FrameType | None) -> None:
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_DFL)
    raise Stopped(number)
