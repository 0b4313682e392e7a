"""How far a long cell is: the console that started its notebook shows it, else the notebook itself."""

import os
import sys
import threading
import time
from contextvars import copy_context
from pathlib import Path
from typing import Any

VARIABLE = "AKASA_PROGRESS_FILE"
EVERY_SECONDS = 0.5
SHOW_AFTER_SECONDS = 2.0
_last = [-EVERY_SECONDS]
_lines: list["_Line"] = []


def tell(text: str) -> None:
    """Note how far the work is, for the console that asked for it (twice a second at most), or the notebook.

    Where there is neither, nowhere.
    """
    file = os.environ.get(VARIABLE)
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if file and time.monotonic() - _last[0] > EVERY_SECONDS:
        _last[0] = time.monotonic()
        Path(file).write_text(text, "utf-8")
    elif not file and shell is not None:
        if not _lines:
            _lines.append(_Line(shell))
        _lines[0].text = text


def told(file: Path) -> str:
    """Return what was last told, or nothing."""
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        return ""


class _Line:
    """A line below a cell that takes longer than a moment, gone when the cell ends.

    It has a thread of its own, so that it goes on where the work stays in one place for long.
    """

    text = ""

    def __init__(self, shell: Any) -> None:
        self.shell, self.began, self.over = shell, time.monotonic(), threading.Event()
        self.thread = threading.Thread(target=copy_context().run, args=(self._show,), daemon=True)
        shell.events.register("post_run_cell", self._end)
        self.thread.start()

    def _show(self) -> None:
        from IPython.display import DisplayHandle

        handle = None
        while not self.over.wait(EVERY_SECONDS):
            seconds = time.monotonic() - self.began
            if seconds > SHOW_AFTER_SECONDS:
                shown = {"text/plain": f"{self.text} … {seconds:.0f} s"}
                if handle is None:
                    handle = DisplayHandle()
                    handle.display(shown, raw=True)
                else:
                    handle.update(shown, raw=True)
        if handle is not None:
            handle.update({"text/html": ""}, raw=True)

    def _end(self, _: Any) -> None:
        self.shell.events.unregister("post_run_cell", self._end)
        self.over.set()
        self.thread.join()
        _lines.clear()
