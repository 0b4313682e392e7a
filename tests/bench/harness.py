"""Time contenders side by side: each call in a process of its own, in turns, and all answers must agree."""

import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

KIBIBYTES_PER_MEGABYTE = 1000 / 1.024
SLOW_SECONDS = 60.0


class PeersDisagree(AssertionError):
    """A contender gave another answer than the first, so its time says nothing."""


@dataclass
class Clock:
    """Counts the seconds of `with clock:` blocks, so that a contender can prepare outside of them."""

    seconds: float = 0.0
    began: float = field(default=0.0, repr=False)

    def __enter__(self) -> "Clock":
        self.began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self.began


Contender = Callable[..., Any]


def race(
    contenders: Mapping[str, Contender], arguments: tuple[Any, ...], runs: int, rows: int
) -> list[dict[str, Any]]:
    """Return what, seconds (median), ratio (to the first), rows_per_second, peak_mb, runs of each contender.

    A contender is a function of a module, `function(clock, *arguments)`: it does its work inside
    `with clock:` and returns its answer, which must equal the first contender's. `peak_mb` is the largest
    resident set of its process, or of one that it started. One that has taken SLOW_SECONDS gets no further
    turn, so that it has fewer runs than the others.

    Raises PeersDisagree where answers differ.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    peak = dict.fromkeys(contenders, 0.0)
    answers: dict[str, Any] = {}
    for _ in range(runs):
        for name, contender in contenders.items():
            if sum(seconds[name]) > SLOW_SECONDS:
                continue
            taken, megabytes, answers[name] = _in_own_process(contender, arguments)
            seconds[name].append(taken)
            peak[name] = max(peak[name], megabytes)
            first = next(iter(answers))
            if answers[name] != answers[first]:
                raise PeersDisagree(f"{name} answers {answers[name]!r}, {first} {answers[first]!r}")
    middle = {name: median(taken) for name, taken in seconds.items()}
    base = next(iter(middle.values()))
    return [
        {
            "what": name,
            "seconds": round(taken, 2),
            "ratio": round(taken / base, 2),
            "rows_per_second": round(rows / taken),
            "peak_mb": round(peak[name]),
            "runs": len(seconds[name]),
        }
        for name, taken in middle.items()
    ]


def _in_own_process(contender: Contender, arguments: tuple[Any, ...]) -> tuple[float, float, Any]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    with _started(context.Process(target=_run, args=(theirs, contender, arguments))) as process:
        theirs.close()
        try:
            result: tuple[float, float, Any] = ours.recv()
        except EOFError:
            process.join()
            raise RuntimeError(f"{contender.__name__} ended with exit code {process.exitcode}") from None
        return result


@contextmanager
def _started(process: Any) -> Iterator[Any]:
    process.start()
    try:
        yield process
    finally:
        process.join()


def _run(pipe: Any, contender: Contender, arguments: tuple[Any, ...]) -> None:
    clock = Clock()
    answer = contender(clock, *arguments)
    pipe.send((clock.seconds, _peak_kibibytes() / KIBIBYTES_PER_MEGABYTE, answer))
    pipe.close()
    os._exit(0)  # a worker pool that a peer left open must not hold the bench up


def _peak_kibibytes() -> int:
    """Return the largest resident set of this process or of one that it started and waited for.

    Linux's ru_maxrss of this process itself would begin with what its parent had.
    """
    status = Path("/proc/self/status").read_text("ascii")
    (own,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
