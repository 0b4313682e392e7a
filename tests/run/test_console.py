"""What a command shows while it runs, and what a signal does to it."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import akasa
from akasa.run import console
from akasa.run.pipeline import progress_file
from akasa.run.told import Ended, StepFailed, Told

SLOW_TO_IMPORT = {
    *(
        "pandas",
        "numpy",
        "pyarrow",
        "sqlalchemy",
        "papermill",
        "nbformat",
        "nbconvert",
        "IPython",
        "jsonschema",
    ),
    *("matplotlib", "dask", "deltalake", "great_expectations"),
}


def imported_before(said, *options):
    """Return what `report` has imported, of what is slow, when it says its first line with that in it."""
    command = [sys.executable, "-X", "importtime", "-m", "akasa", "report", *options]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    to_one = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, env=buffered, **to_one) as process:
        found = set()
        for line in process.stdout:
            if said in line:
                process.kill()
                return found & SLOW_TO_IMPORT
            found.add(line.rpartition("|")[2].strip().partition(".")[0])
    raise AssertionError(f"{said!r} was not said")


def test_the_first_line_stands_before_anything_slow_is_imported(workspace):
    assert imported_before(f"akasa {akasa.__version__} · {workspace.data_dir}/") == set()


def test_wrong_usage_is_said_before_anything_slow_is_imported(workspace):
    assert imported_before("did you mean top_n?", "-p", "topn=3") == set()
    assert imported_before("--top-n", "--topn", "3") == set()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_command_with_its_status_when_all_is_cleared_up(capsys, monkeypatch, number, status):
    monkeypatch.setattr("sys.argv", ["/some/where/akasa/__main__.py", "report"])
    monkeypatch.setattr("sys.executable", str(Path.cwd() / "a b/python"))
    monkeypatch.delenv("AKASA_ENV_FILE")
    before, cleared = signal.getsignal(number), []

    def command():
        with console.interrupted():
            try:
                os.kill(os.getpid(), number)
                signal.pause()
            finally:  # a second one would end it at once
                cleared.append(signal.getsignal(number))

    with pytest.raises(SystemExit) as end:
        command()
    assert (end.value.code, cleared) == (status, [signal.SIG_DFL])
    assert signal.getsignal(number) == before
    said = capsys.readouterr().err
    assert said == "\nstopped; earlier outputs are untouched. Go on with: 'a b/python' -m akasa report\n"


def test_a_command_that_is_not_stopped_leaves_signals_as_they_were():
    before = signal.getsignal(signal.SIGTERM)
    with console.interrupted():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


# A run, as it is shown.

MEMORY = StepFailed("02_validate", "MemoryError: too much", Path("/data/failed/02_validate.html"))


def shown(settings, *events, failure=None):
    """Show a run in which these things happen; an answer, where it does not fail."""
    with console.Ticker(settings) as ticker:
        for event in events:
            ticker(event)
        if failure:
            ticker.failed(failure)
        else:
            ticker.done("28 orders")


def test_without_a_terminal_a_line_a_step_and_the_answer_last(workspace, capsys):
    done = Ended("01_ingest", "done", 2.04), Ended("02_validate", "up to date", 0.0)
    shown(workspace, Told("01_ingest", 1, 20, 0.1), done[0], done[1])
    notebooks = workspace.output_dir / "notebooks"
    said = capsys.readouterr()
    *lines, last = said.out.splitlines()
    assert lines == [
        f"akasa {akasa.__version__} · {workspace.data_dir}/ → {workspace.output_dir}/",
        f"01_ingest       done          2.0 s   1 of 5   {notebooks}/01_ingest.html",
        f"02_validate     up to date    0.0 s   2 of 5   {notebooks}/02_validate.html",
    ]
    assert last.startswith("done in 0.")
    assert last.endswith(" s: 28 orders")
    assert said.err == ""


def test_on_a_terminal_the_running_step_is_shown_in_place_and_in_no_more_than_its_row(
    workspace, tty, monkeypatch
):
    stream, written = tty
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setattr("sys.stderr", stream)
    shown(workspace, Told("02_validate", 7, 37, 3.0), Ended("02_validate", "done", 4.0))
    rows = [row.removeprefix("\x1b[?7l").removesuffix("\x1b[?7h") for row in written().split("\r\x1b[K")]
    first, starting, told, ended, last, _ = rows
    assert first.startswith(f"akasa {akasa.__version__} · ")
    assert starting == "starting …"
    assert told == "02_validate … 2 of 5 · cell 7 of 37 · 3 s"[:30]
    assert ended.startswith("02_validate     \x1b[32mdone      \x1b[0m    4.0 s   2 of 5   ")
    assert last.startswith("\x1b[32mdone\x1b[0m in ")
    assert last.endswith(": 28 orders\r\n")


def test_what_a_cell_tells_is_shown_and_not_what_one_before_it_told(workspace, tty, monkeypatch):
    stream, written = tty
    monkeypatch.setattr(console.terminal.os, "get_terminal_size", lambda _: os.terminal_size((120, 24)))
    monkeypatch.setattr("sys.stderr", stream)
    progress_file(workspace).write_text("of the cell before")
    with console.Ticker(workspace) as ticker:
        ticker(Told("02_validate", 7, 37, 3.0, "orders.xml is new"))
        progress_file(workspace).write_text("77 of 100")
        time.sleep(0.7)
    said = written()
    assert "of the cell before" not in said
    assert "02_validate … 2 of 5 · cell 7 of 37 · 3 s · orders.xml is new\x1b" in said
    assert re.search(r"02_validate … 2 of 5 · cell 7 of 37 · \d s · 77 of 100\x1b", said)


def test_a_failure_says_step_error_what_to_open_and_the_command(workspace, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/some/where/akasa/__main__.py", "report"])
    monkeypatch.setenv("AKASA_MAKE", "report AS_OF")
    monkeypatch.setenv("AKASA_MAKE_FROM", str(Path.cwd()))
    monkeypatch.setenv("AS_OF", "2025-10-31")
    for name in ("DATA_DIR", "OUTPUT_DIR", "AKASA_ENV_FILE"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("DB_PASSWORD", "a long secret")
    shown(workspace, failure=MEMORY)
    assert capsys.readouterr().err.splitlines() == [
        "02_validate     FAILED",
        "",
        "MemoryError: too much",
        "",
        "open     /data/failed/02_validate.html",
        "go on    give it more memory, or deliver less at a time, then",
        "             make report AS_OF=2025-10-31",
        "         DB_PASSWORD is not shown: set it as it is now",
    ]


def test_of_the_gate_the_file_with_what_was_turned_away_is_to_be_opened_too(workspace, capsys):
    workspace.unpublished.mkdir(parents=True)
    for name in ("a.csv", "b.csv", "customers_a.csv"):
        (workspace.unpublished / f"{name}.0123456789ab.csv").touch()
    cause = "GateStopped: incoming/a.csv: 1 of 2 records were rejected"
    shown(workspace, failure=StepFailed("02_validate", cause, Path("/failed.html")))
    opened = [line for line in capsys.readouterr().err.splitlines() if line.startswith("open")]
    assert opened == ["open     /failed.html", f"open     {workspace.unpublished}/a.csv.0123456789ab.csv"]


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (Ended("01_ingest", "done", 2.0, "incoming/x.xml is new"), "   because incoming/x.xml is new\n"),
        (Ended("01_ingest", "left", 0.0, "incoming/x.xml is new"), "   although incoming/x.xml is new\n"),
        (Ended("01_ingest", "up to date", 0.0), "01_ingest.html\n"),
    ],
)
def test_a_step_says_why_it_ran_or_did_not(capsys, workspace, ended, said):
    console.Ticker(workspace)(ended)
    assert capsys.readouterr().out.endswith(said)
