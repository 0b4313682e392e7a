"""The kernels of a run: a process for each step's notebook, alone, which may start before its turn comes."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from jupyter_core.utils import run_sync

from akasa.run import kernel, warm
from akasa.run.kernel import Kernel
from akasa.run.nursery import CAN_FORK, Nursery, Provisioner

_ARGUMENTS = [
    "--HistoryManager.hist_file=:memory:",
    f"--IPKernelApp.extra_extensions={warm.__name__}",
]


@dataclass
class Kernels:
    """Kernels that have this environment and no other, and a folder of the run's for their sockets.

    Leave it, and none of them lives.
    """

    environment: Mapping[str, str]
    folder: Path
    waiting: dict[str, Kernel] = field(default_factory=dict)
    ending: list[Kernel] = field(default_factory=list)
    started: ExitStack = field(default_factory=ExitStack)

    @cached_property
    def nursery(self) -> Nursery:
        own = self.folder / "nursery"
        own.mkdir(mode=0o700)
        return self.started.enter_context(Nursery(kernel.environment(self.environment, own)))

    def __enter__(self) -> "Kernels":
        return self

    def prepare(self) -> None:
        """Begin to import what all of them use, where kernels can share that."""
        if CAN_FORK:
            _ = self.nursery

    def __exit__(self, *error: object) -> None:
        with self.started:
            self.settle()

    def start(self, step: str, place: Path) -> None:
        """Start a step's kernel in the folder `place`, if none waits; it imports what the step will use."""
        if step in self.waiting:
            return
        own = self.folder / step[:2]
        own.mkdir(mode=0o700, exist_ok=True)
        one = Kernel(kernel_name="python3", config=kernel.channels(own))
        if CAN_FORK:
            one.provisioner = Provisioner(kernel_id=step, kernel_spec=one.kernel_spec, parent=one)
            one.provisioner.nursery = self.nursery
        self.started.callback(_end, one)
        environment = {**kernel.environment(self.environment, own), warm.STEP: step}
        run_sync(one.start_kernel)(extra_arguments=_ARGUMENTS, env=environment, cwd=os.fspath(place))
        self.waiting[step] = one

    def take(self, step: str, place: Path) -> Kernel:
        """Return a step's kernel, whose end is then up to who takes it."""
        self.start(step, place)
        return self.waiting.pop(step)

    def dismiss(self, one: Kernel, at_work: bool = False) -> None:
        """Ask a kernel to end, which takes it a while; `settle` waits for it. One `at_work` is interrupted.

        One that is not must not be: what it is at then is to hear that it shall end.
        """
        if one.has_kernel and run_sync(one.is_alive)():
            if at_work:
                run_sync(one.interrupt_kernel)()
            run_sync(one.request_shutdown)()
        self.ending.append(one)

    def settle(self) -> None:
        """Wait until all that were asked to end have ended, and end those that do not within seconds."""
        while self.ending:
            one = self.ending.pop()
            run_sync(one.finish_shutdown)(pollinterval=0.01)
            run_sync(one.cleanup_resources)()


def _end(one: Kernel) -> None:
    if one.has_kernel:
        run_sync(one.shutdown_kernel)(now=True)
