"""A process that has imported what every notebook uses; the kernels of a run are forked from it.

So that is imported once a run, and not once a kernel. A fork copies all of a process but its other threads:
this one only imports, it opens and starts nothing, so a kernel is as if it had imported all by itself.

`python -m akasa.run.nursery DESCRIPTOR` is that process. It answers what it is asked over a socket, one thing
after the other, and ends, its kernels with it, when whoever asks has gone. Who asks may be stopped meanwhile,
by a signal: a message is whole or not there at all, and an answer has the number of its question.
"""

import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from akasa.run import warm

CAN_FORK = sys.platform == "linux"  # elsewhere, libraries of the system's own do not outlive it
_KERNEL = "ipykernel_launcher"
_SHARED = ("ipykernel.kernelapp", *warm.ALL)
_LONGEST = 1 << 20  # bytes of a message: an environment is most of it
_COLUMNS = 20  # of a frame in a notebook: pandas asks when it is imported, and no kernel is there yet
_PARENT = "JPY_PARENT_PID"  # a kernel ends when this process has gone


class Nursery:
    """The process, in this environment; leave it, and it ends."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.asking, self.numbers = threading.Lock(), count()
        self.line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            number = theirs.fileno()
            self.process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(number)],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                pass_fds=[number],
                start_new_session=True,
            )

    def __enter__(self) -> "Nursery":
        return self

    def __exit__(self, *error: object) -> None:
        self.line.close()
        self.process.wait()

    def ask(self, *question: Any) -> Any:
        """Return its answer. Raises EOFError or OSError where it has gone."""
        with self.asking:
            number = next(self.numbers)
            _send(self.line, number, *question)
            while True:
                of, answer = _received(self.line)
                if of == number:  # and not what somebody who was stopped did not wait for
                    return answer


class Forked:
    """A forked process, with all that Jupyter asks of a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.nursery, self.pid = nursery, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            try:
                self.returncode = self.nursery.ask("status", self.pid)
            except (EOFError, OSError):  # it has gone, and with it its kernels: in the same way
                self.returncode = self.nursery.process.wait()
        return self.returncode

    def wait(self) -> int:
        while (ended := self.poll()) is None:
            time.sleep(0.01)
        return ended

    def send_signal(self, number: int) -> None:
        with suppress(ProcessLookupError):  # as Popen does
            if self.poll() is None:
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class Provisioner(LocalProvisioner):
    """Gives Jupyter processes of a nursery's."""

    nursery: Nursery

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        arguments = cmd[cmd.index(_KERNEL) :]
        pid = self.nursery.ask("fork", arguments, dict(kwargs["env"]), kwargs["cwd"])
        self.process = Forked(self.nursery, pid)  # type: ignore[assignment]
        self.pid = self.pgid = pid
        self.cwd = Path(kwargs["cwd"])
        return self.connection_info


def main() -> None:
    """Be the nursery; in a process that it forks, be a kernel."""
    if Path(sys.path[0]) == Path.cwd():
        del sys.path[0]  # as Jupyter does: what lies there is not imported for what it is named like
    os.environ[_PARENT] = str(os.getpid())
    warm.spare()
    with warm.uncollected():
        for name in _SHARED:
            with suppress(Exception):  # the kernel imports it again, and says what is wrong
                importlib.import_module(name)
    if pandas := sys.modules.get("pandas"):
        pandas.set_option("display.max_columns", _COLUMNS)
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as line:
        order = _serve(line)
    if order is None:
        os._exit(0)  # nothing is to be tidied, and it would take its time
    _become(*order)


def _send(line: socket.socket, *what: Any) -> None:
    line.send(json.dumps(what).encode())


def _received(line: socket.socket) -> Any:
    message = line.recv(_LONGEST)
    if not message:
        raise EOFError
    return json.loads(message)


def _serve(line: socket.socket) -> Sequence[Any] | None:
    """Answer until nobody asks any more; in a forked process, return what it is to become."""
    ended: dict[int, int] = {}
    with suppress(EOFError, OSError):
        while True:
            number, asked, *about = _received(line)
            if asked == "status":
                _send(line, number, _status(ended, *about))
            elif (pid := _fork()) == 0:
                return list(about)
            else:
                _send(line, number, pid)
    return None


def _fork() -> int:
    with warnings.catch_warnings():  # of threads that this process did not start: they wait for work
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _status(ended: dict[int, int], pid: int) -> int | None:
    """Return how a process ended, as Popen's returncode; None while it goes on. The system tells it once."""
    if pid not in ended:
        found, status = os.waitpid(pid, os.WNOHANG)
        if not found:
            return None
        ended[pid] = os.waitstatus_to_exitcode(status)
    return ended[pid]


def _become(arguments: list[str], environment: Mapping[str, str], folder: str) -> None:
    os.setsid()
    parent = os.environ[_PARENT]
    os.environ.clear()
    os.environ.update({**environment, _PARENT: parent})
    os.chdir(folder)
    sys.argv = arguments
    from ipykernel import kernelapp

    kernelapp.launch_new_instance()


if __name__ == "__main__":
    main()
