"""Watch a run: its events, those of its kernels, and, when it has ended, its metrics."""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from akasa.run.told import Ended, Listener, Told
from akasa.workspace import events, promotion
from akasa.workspace.settings import Settings

if TYPE_CHECKING:
    from akasa.run.pipeline import Run

_OTHERS = ".run.events-*"  # of runs that were killed


class Watch:
    """Passes on what a run tells, and logs it; `follow` it when it has begun."""

    def __init__(self, settings: Settings, listener: Listener) -> None:
        self.settings, self.listener = settings, listener
        self.began = time.monotonic()
        self.ended: list[Ended] = []
        self.relay: events.Relay | None = None
        self.fields: dict[str, Any] = {}

    def __call__(self, told: Told | Ended) -> None:
        if self.relay:
            self.relay()
        if isinstance(told, Ended):
            self.ended.append(told)
            self.tell("step ended", step=told.step, status=told.status, seconds=told.seconds)
        self.listener(told)

    def follow(self, run: "Run") -> None:
        """Log what the run's kernels tell; forget what those of killed runs told."""
        for left in self.settings.data_dir.glob(_OTHERS):
            left.unlink(missing_ok=True)
        self.fields = {"run": run.id}
        self.relay = events.Relay(run.events_file, **self.fields)
        self.tell("run started")

    def tell(self, event: str, level: int = logging.INFO, **fields: Any) -> None:
        events.tell(event, level, **self.fields, **fields)

    def over(self, error: BaseException | None) -> None:
        """Log how the run ended and write its metrics."""
        if self.relay:
            self.relay()
            self.relay.file.unlink(missing_ok=True)
        seconds = time.monotonic() - self.began
        if error is None:
            made = (promotion.told(self.settings.output_dir) or {}).get("run")
            self.tell("run ended", status="done", seconds=seconds, outputs=made)
        else:
            status, level = (
                ("failed", logging.ERROR) if isinstance(error, Exception) else ("stopped", logging.WARNING)
            )
            step = getattr(error, "step", None)
            self.tell("run ended", level, status=status, seconds=seconds, step=step, error=_kind(error))
        if self.settings.metrics_file:
            from akasa.run import metrics

            metrics.write(self.settings, error is None, seconds, self.ended)


@contextmanager
def over(settings: Settings, listener: Listener) -> Iterator[Watch]:
    """Give a listener that passes on what a run tells; however the run ends, that is logged and counted."""
    watch = Watch(settings, listener)
    try:
        yield watch
    except BaseException as error:
        watch.over(error)
        raise
    watch.over(None)


def _kind(error: BaseException) -> str:
    """Return the name of an error, be it a cell's. Its words may hold somebody's name, so they stay out."""
    in_cell = re.match(r"\w+(?=: )", getattr(error, "cause", ""))
    return in_cell[0] if in_cell else type(error).__name__
