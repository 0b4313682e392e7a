import time

import IPython
import IPython.display
import pytest
from IPython.core.events import EventManager

from akasa.workspace import progress


def test_nothing_is_told_where_nobody_asked(tmp_path, monkeypatch):
    monkeypatch.delenv(progress.VARIABLE, raising=False)
    progress.tell("10 records")
    assert progress.told(tmp_path / "none") == ""


def test_what_is_told_can_be_read_and_is_not_written_too_often(tmp_path, monkeypatch):
    file, now = tmp_path / "progress", [time.monotonic() + 1e9]
    monkeypatch.setenv(progress.VARIABLE, str(file))
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    progress.tell("10 records")
    now[0] += progress.EVERY_SECONDS / 2
    progress.tell("11 records")
    assert progress.told(file) == "10 records"
    now[0] += progress.EVERY_SECONDS
    progress.tell("12 records")
    assert progress.told(file) == "12 records"


class Shell:
    """What a notebook's process has in place of IPython's: a cell's end, and what was shown below it."""

    def __init__(self):
        self.events = EventManager(self, {"post_run_cell": lambda result: None})
        self.shown = []

    def display(self, data, raw):
        assert raw
        self.shown.append(data)

    update = display


@pytest.fixture
def notebook(monkeypatch):
    shell = Shell()
    monkeypatch.delenv(progress.VARIABLE, raising=False)
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    monkeypatch.setattr(IPython.display, "DisplayHandle", lambda: shell)
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.01)
    return shell


def test_a_long_cell_shows_in_its_notebook_how_far_it_is_until_it_ends(notebook, monkeypatch):
    monkeypatch.setattr(progress, "SHOW_AFTER_SECONDS", 0.0)
    for text in ("10 records", "20 records"):
        progress.tell(text)
        before, patience = len(notebook.shown), time.monotonic() + 10
        while len(notebook.shown) < before + 2 and time.monotonic() < patience:
            time.sleep(0.01)
    notebook.events.trigger("post_run_cell", None)
    shown = [text for data in notebook.shown for text in data.values()]
    assert shown[0].startswith("10 records … ")
    assert shown[-2].startswith("20 records … ")
    assert shown[-1] == ""
    time.sleep(0.05)
    assert len(notebook.shown) == len(shown), "it has ended"


def test_a_short_cell_shows_nothing(notebook):
    progress.tell("10 records")
    time.sleep(0.05)
    notebook.events.trigger("post_run_cell", None)
    assert notebook.shown == []


def test_in_a_run_the_notebook_shows_nothing(notebook, monkeypatch, tmp_path):
    monkeypatch.setenv(progress.VARIABLE, str(tmp_path / "progress"))
    monkeypatch.setattr(progress, "SHOW_AFTER_SECONDS", 0.0)
    progress.tell("10 records")
    time.sleep(0.05)
    assert notebook.shown == []
