"""A terminal for what is shown on one."""

import os
import pty
import select

import pytest

from akasa.run import terminal


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
