"""What a command shows while it runs: its first line, a line a step, how far a step is, a failure's way out.

Nothing is imported here that takes its time, so that the first line is there at once.
"""

import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType

from akasa import __version__
from akasa.run import again, terminal, way_out
from akasa.run.steps import STEPS
from akasa.run.told import Ended, StepFailed, Told
from akasa.workspace import progress
from akasa.workspace.settings import Settings

_SECONDS_BETWEEN = {True: 0.5, False: 30.0}
_COLOURS = {"done": "green"}
_WHY = {"left": "although"}
_MOST_FILES = 3


class Ticker:
    """Shows a run: on stdout a line when it begins and when a step has ended; on stderr how far it is.

    In place on a terminal, else a line every 30 seconds.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.now: Told | None = None
        self.between = "starting"
        self.told_before = ""
        self.at = self.began = time.monotonic()
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.line = terminal.Line()
        self.thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> "Ticker":
        data, outputs = (terminal.path(one) for one in (self.settings.data_dir, self.settings.output_dir))
        terminal.say(sys.stdout, f"akasa {__version__} · {data}/ → {outputs}/")
        self.line.show("starting …")
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Show no more how far it is."""
        self.stopped.set()
        self.thread.join()
        self.line.clear()

    def done(self, answer: str) -> None:
        """Say what the run came to, in its last line."""
        self.stop()
        took = duration(time.monotonic() - self.began)
        terminal.say(sys.stdout, ("done", "green"), f" in {took}: {answer}")

    def failed(self, failure: StepFailed) -> None:
        """Say on stderr which step failed, the cell's own error, what to open, and the ways on."""
        self.stop()
        kind, _, said = failure.cause.partition(": ")
        look_at = [failure.saved, *(_turned_away(self.settings, said) if kind == "GateStopped" else [])]
        opened = [f"open     {terminal.path(one)}" for one in look_at]
        terminal.say(sys.stderr, f"{failure.step:<16}", ("FAILED", "red"))
        terminal.say(sys.stderr, "\n".join(["", failure.cause, "", *opened, ways_on(kind, said)]))

    def __call__(self, told: Told | Ended) -> None:
        with self.lock:
            self.now, self.at = (told if isinstance(told, Told) else None), time.monotonic()
            if isinstance(told, Told):
                self.told_before = self._told()
                self.line.show(self._far(told))
            else:
                self.between = "finishing" if told.step == STEPS[-1] else "starting"
                self.line.clear()
                self._ended(told)

    def _ended(self, ended: Ended) -> None:
        page = self.settings.output_dir / "notebooks" / f"{ended.step}.html"
        rest = f"{ended.seconds:>7.1f} s   {_place(ended.step)}   {terminal.path(page)}"
        status = f"{ended.status:<10}", _COLOURS.get(ended.status, "cyan")
        why = f"   {_WHY.get(ended.status, 'because')} {ended.reason}" if ended.reason else ""
        terminal.say(sys.stdout, f"{ended.step:<16}", status, rest, why)

    def _tick(self) -> None:
        while not self.stopped.wait(_SECONDS_BETWEEN[self.line.live]):
            with self.lock:
                if self.now is not None:
                    self._show(self._far(self.now))
                elif time.monotonic() - self.at > _SECONDS_BETWEEN[True]:  # warnings are printed before
                    self.line.show(f"{self.between} … {time.monotonic() - self.at:.0f} s")

    def _far(self, told: Told) -> str:
        seconds = told.seconds + time.monotonic() - self.at
        parts = [_place(told.step), f"cell {told.cell} of {told.cells}", f"{seconds:.0f} s"]
        now = self._told()
        parts += [now] if now and now != self.told_before else [told.reason] if told.reason else []
        return f"{told.step} … {' · '.join(parts)}"

    def _told(self) -> str:
        """Return what the running cell, or one before it, last told of how far it is."""
        from akasa.run.pipeline import progress_file

        return progress.told(progress_file(self.settings))

    def _show(self, text: str) -> None:
        if self.line.live:
            self.line.show(text)
        else:
            terminal.say(sys.stderr, text)


def _place(step: str) -> str:
    """Return which of the steps it is.

    >>> _place("02_validate")
    '2 of 5'
    """
    return f"{STEPS.index(step) + 1} of {len(STEPS)}"


@contextmanager
def status_line() -> Iterator[Callable[[str], None]]:
    """Give a function that shows on stderr, in place, what is being done; nowhere but on a terminal."""
    line = terminal.Line()
    try:
        yield line.show
    finally:
        line.clear()


def duration(seconds: float) -> str:
    """Return how long something took, in words.

    >>> duration(0.4), duration(21.4), duration(211), duration(7260)
    ('0.4 s', '21 s', '3 min 31 s', '121 min 0 s')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _turned_away(settings: Settings, said: str) -> list[Path]:
    """Return the files with what was turned away of the deliveries that the error names, or their folder."""
    kept = sorted(settings.unpublished.glob("*.csv"))
    found = [one for one in kept if re.search(rf"(^|[/ ]){re.escape(one.name.rsplit('.', 2)[0])}: ", said)]
    return found if 0 < len(found) <= _MOST_FILES else [settings.unpublished]


def ways_on(kind: str, said: str) -> str:
    """Return what can be done about an error, each with the command that goes on then in its own line."""
    first, *others = (
        f"{way.words}\n             {again.command(**way.changes)}" for way in way_out.ways(kind, said)
    )
    secrets = [f"{name} is not shown: set it as it is now" for name in again.unshown()]
    return "\n         ".join([f"go on    {first}", *others, *secrets])


class Stopped(KeyboardInterrupt):
    """The process was asked to end by a signal, as Ctrl-C asks for it."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__()


@contextmanager
def interrupted() -> Iterator[None]:
    """Say on Ctrl-C or SIGTERM that nothing was lost and how to go on; exit 130 or 143.

    Until then, what runs has its kernel stopped and its locks released. A second signal ends it at once.
    """
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except Stopped as stopped:
        said = f"\nstopped; earlier outputs are untouched. Go on with: {again.command()}"
        terminal.say(sys.stderr, said)
        raise SystemExit(128 + stopped.number) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, _: FrameType | None) -> None:
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_DFL)
    raise Stopped(number)
