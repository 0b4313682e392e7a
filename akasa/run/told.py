"""What a run tells: which cell starts, how a step ended, and why it could not go on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

DONE, UP_TO_DATE, LEFT = "done", "up to date", "left"


class StepFailed(RuntimeError):
    """A notebook failed. `step`, `cause` (the cell's own error) and `saved` (the page to open) say more."""

    def __init__(self, step: str, cause: str, saved: Path) -> None:
        self.step, self.cause, self.saved = step, cause, saved
        super().__init__(f"{step} failed: {cause}")


class Incomplete(RuntimeError):
    """A step was to run alone, and what the others left is not there, or would no longer belong to it."""


@dataclass(frozen=True)
class Told:
    """What a run tells while it goes on: a step's cell (of how many) starts, after seconds; why it runs."""

    step: str
    cell: int
    cells: int
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class Ended:
    """How a step of a run ended: its status, why it ran, and the seconds it took.

    `done` was run; `up to date` was not, for nothing would come out that is not there; `left` was not, for
    another one was to run alone, and the reason says what is not up to date.
    """

    step: str
    status: str
    seconds: float
    reason: str = ""


Listener = Callable[[Told | Ended], None]
