"""Events: a line each, for people or machines, without anybody's data; a run relays those of its kernels."""

import io
import json
import logging
import os
import stat
import subprocess
import sys
import time

import pytest

from akasa.workspace import events, settings


@pytest.fixture
def printed(monkeypatch):
    """Give a function that has events printed as settings say, and returns the stream."""

    def begin(**given):
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        stream = io.StringIO()
        events.begin(settings.load(), stream)
        return stream

    yield begin
    monkeypatch.undo()
    events.begin(settings.load())


def test_nothing_is_printed_where_nobody_asked_for_it(printed, capfd):
    stream = printed()
    events.tell("run ended", logging.ERROR, status="failed")
    assert (stream.getvalue(), *capfd.readouterr()) == ("", "", "")


def test_python_prints_none_of_them_by_itself():
    """It would print warnings and errors of a logger that nobody has set up."""
    code = "from akasa.workspace import events; events.tell('run ended', 40)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"LOG_FORMAT": "json"}, ["a", "b"]),
        ({"LOG_LEVEL": "INFO"}, ["a", "b"]),
        ({"LOG_LEVEL": "WARNING"}, ["b"]),
        ({"LOG_LEVEL": "WARNING", "LOG_FORMAT": "json"}, ["b"]),
        ({"LOG_LEVEL": "ERROR"}, []),
    ],
)
def test_what_is_asked_for_is_printed(printed, given, shown):
    stream = printed(**given)
    events.tell("a")
    events.tell("b", logging.WARNING)
    words = ('"event": "{}"' if "LOG_FORMAT" in given else " {}").format
    lines = stream.getvalue().splitlines()
    assert [event for event in "ab" if any(words(event) in line for line in lines)] == shown
    assert len(lines) == len(shown)


def test_an_event_is_a_line_of_words_or_an_object(printed, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1762738500.25)
    monkeypatch.setattr(time, "time_ns", lambda: 1762738500_250_000_000)
    given = {"step": "01_ingest", "records": 77, "seconds": 1.23456, "name": 'a b="c"\nd', "none": None}
    text = printed(LOG_LEVEL="DEBUG")
    events.tell("step ended", **given)
    assert text.getvalue() == (
        "2025-11-10T01:35:00.250Z INFO step ended step=01_ingest records=77 seconds=1.235 "
        r'name="a b=\"c\"\nd" none=None' + "\n"
    )
    told = printed(LOG_FORMAT="json")
    events.tell("step ended", **given)
    assert json.loads(told.getvalue()) == {
        "time": "2025-11-10T01:35:00.250Z",
        "level": "info",
        "event": "step ended",
        **given,
        "seconds": 1.235,
    }
    assert told.getvalue().count("\n") == 1


def test_numbers_and_secrets_are_masked_whatever_the_settings_say(printed, monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "canary-password")
    stream = printed(LOG_FORMAT="json", MASK_PII="0")
    events.tell(
        "delivery read", delivery="incoming/customers_9700000014_2025-11-11.csv", of="canary-password"
    )
    told = json.loads(stream.getvalue())
    assert (told["delivery"], told["of"]) == ("incoming/customers_97xxxxxx14_2025-11-11.csv", "***")


def test_what_kernels_tell_is_relayed_once_with_its_own_time(printed, monkeypatch, tmp_path):
    file = tmp_path / "events"
    stream = printed(LOG_FORMAT="json", LOG_LEVEL="WARNING")
    for name, value in events.to_hand_down(file).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(time, "time", lambda: 1762738500.25)
    events.tell("delivery read", records=77)
    events.tell("delivery refused", logging.WARNING, delivery="a_9700000014.csv")
    monkeypatch.delenv(events.VARIABLE)
    assert stream.getvalue() == ""
    assert b"9700000014" not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with file.open("ab") as half:
        half.write(b'{"created": 1762738501, "level": 40, ')
    relay = events.Relay(file, run="0a1b")
    relay()
    relay()
    with file.open("ab") as rest:
        rest.write(b'"event": "late"}\n')
    relay()
    refused, late = map(json.loads, stream.getvalue().splitlines())
    assert refused == {
        "time": "2025-11-10T01:35:00.250Z",
        "level": "warning",
        "event": "delivery refused",
        "run": "0a1b",
        "delivery": "a_97xxxxxx14.csv",
    }
    assert (late["event"], late["level"]) == ("late", "error")


def test_kernels_are_told_nothing_where_nobody_would_see_it(printed, tmp_path):
    printed()
    assert events.to_hand_down(tmp_path / "events") == {}
    assert events.VARIABLE not in os.environ
    events.Relay(tmp_path / "events")()
