"""Real Dask schedulers and workers, as processes on free loopback ports.

None of them can import akasa, for workers elsewhere need not have it, unless a test says where it is.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from distributed import Client
from lib.ports import free_port

from akasa.workspace import cluster as tasks_of_akasa
from akasa.workspace import failpoints

_SECONDS_TO_START = 60
_SECONDS_TO_DIE = 120


@contextmanager
def cluster(
    folder: Path, workers: int = 2, memory: str = "1.5GB", akasa: Path | None = None
) -> Iterator["Cluster"]:
    """Start a scheduler and workers of one thread each; end them all, whatever happens."""
    started = Cluster(folder, memory, akasa)
    try:
        started.add_workers(workers)
        yield started
    finally:
        started.kill()


class Cluster:
    """A scheduler that gives a task up when it has lost two workers, and its workers."""

    def __init__(self, folder: Path, memory: str, akasa: Path | None = None) -> None:
        self.folder, self.memory = folder, memory
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.without = folder / "without"
        self.without.mkdir(exist_ok=True)
        (self.without / "akasa.py").write_text("raise ImportError('this machine has no akasa')", "utf-8")
        self.code = akasa or self.without
        host, port = self.address.removeprefix("tcp://").split(":")
        self.scheduler = self._started(
            "scheduler", "--host", host, "--port", port, "--dashboard-address", "127.0.0.1:0"
        )

    def add_workers(self, number: int, **environment: str) -> None:
        """Start so many workers and wait until the scheduler knows them all."""
        common = ["--nthreads", "1", "--memory-limit", self.memory, "--no-nanny", "--no-dashboard"]
        here = ["--local-directory", str(self.folder), "--host", "127.0.0.1"]
        made = range(number)
        self.workers += [self._started("worker", self.address, *common, *here, **environment) for _ in made]
        with Client(self.address, timeout=_SECONDS_TO_START, set_as_default=False) as client:
            client.wait_for_workers(len(self.workers), timeout=_SECONDS_TO_START)

    def kill_workers(self, number: int) -> None:
        """Kill so many workers as a power cut would."""
        for worker in [self.workers.pop() for _ in range(number)]:
            kill(worker)

    @contextmanager
    def one_dies(self, log: Path, place: int) -> Iterator[None]:
        """Let a worker die at the nth place that it reaches; two others go on with what it has left.

        It is alone until then: of several, chance says which one gets so far.
        """
        self.kill_workers(len(self.workers))
        self.add_workers(1, **{failpoints.VARIABLE: f"{log}:{place}"})
        dying = self.workers[0]

        def replace() -> None:
            dying.wait(_SECONDS_TO_DIE)
            self.workers.remove(dying)
            self.add_workers(2)

        try:
            with ThreadPoolExecutor(1) as thread:
                replaced = thread.submit(replace)
                yield
                replaced.result()
            assert dying.returncode == -signal.SIGKILL
            assert len(log.read_text("utf-8").splitlines()) == place
        finally:
            if dying in self.workers:
                self.kill_workers(1)
                self.add_workers(2)

    def kill(self) -> None:
        """Kill all workers and the scheduler."""
        self.kill_workers(len(self.workers))
        kill(self.scheduler)

    def _started(self, *command: str, **more: str) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            **more,
            "PYTHONPATH": str(self.code if command[0] == "worker" else self.without),
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
        }
        return started([sys.executable, "-m", "dask", *command], self.folder / "cluster.log", environment)


def in_threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the tasks for a cluster be run in threads of this process; note how many there are each time."""
    compute, noted = tasks_of_akasa.compute, list[int]()

    def computed(tasks: Sequence[Any], _: str | None) -> list[Any]:
        noted.append(len(tasks))
        return compute(tasks, None)

    monkeypatch.setattr(tasks_of_akasa, "compute", computed)
    return noted


def weighed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the tasks for a cluster be run in threads of this process; note the bytes of both ways."""
    compute, sizes = tasks_of_akasa.compute, list[int]()

    def measured(tasks: Sequence[Any], _: str | None) -> list[Any]:
        results = compute(tasks, None)
        sizes.extend(len(cloudpickle.dumps(one)) for one in (tasks, results))
        return results

    monkeypatch.setattr(tasks_of_akasa, "compute", measured)
    return sizes


def started(command: list[str], log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a process that writes all it says to a log; its folder is the log's."""
    with log.open("ab") as output:
        return subprocess.Popen(command, env=environment, cwd=log.parent, stdout=output, stderr=output)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and wait until it has ended."""
    process.kill()
    process.wait(60)
