"""A terminal for what is shown on one, and kernels that are not long in coming."""

import os
import pty
import select
from contextlib import contextmanager

import pytest

from akasa.run import kernel, nursery, terminal
from akasa.run.kernels import Kernels


@pytest.fixture(scope="session")
def imported():
    """The nursery of all tests of this worker, which imports for seconds; None where nothing is forked."""
    if not nursery.CAN_FORK:
        yield None
        return
    with (
        kernel.private_folder() as folder,
        nursery.Nursery(kernel.environment(os.environ, folder)) as started,
    ):
        yield started


@pytest.fixture
def opened(imported):
    """Give a function that opens kernels, in this environment, which are forked from that nursery."""

    @contextmanager
    def opening():
        with kernel.private_folder() as folder, Kernels(dict(os.environ), folder) as kernels:
            if imported:
                kernels.nursery = imported
            yield kernels

    return opening


@pytest.fixture
def tty(monkeypatch):
    """A terminal of 30 columns, and a function that returns what was written to it."""
    main, side = pty.openpty()
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(terminal.os, "get_terminal_size", lambda _: os.terminal_size((30, 24)))
    with open(side, "w", encoding="utf-8") as stream:

        def written():
            stream.flush()
            read = b""
            while select.select([main], [], [], 0.05)[0]:
                read += os.read(main, 65536)
            return read.decode("utf-8")

        yield stream, written
    os.close(main)
