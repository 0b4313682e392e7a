"""What a console is shown: colours and redrawn lines on a terminal alone, letters that it has, no orders."""

import io
from pathlib import Path

import pytest

from akasa.run import terminal


def test_a_terminal_has_colours_and_redraws(tty):
    stream, written = tty
    terminal.say(stream, "a ", ("done", "green"))
    assert written() == "a \x1b[32mdone\x1b[0m\r\n"
    assert terminal.redraws(stream)


@pytest.mark.parametrize(
    ("name", "value", "redraws"),
    [("NO_COLOR", "1", True), ("TERM", "dumb", False), ("TERM", "unknown", False)],
)
def test_a_terminal_that_is_asked_or_known_to_have_none_has_no_colour(tty, monkeypatch, name, value, redraws):
    stream, written = tty
    monkeypatch.setenv(name, value)
    terminal.say(stream, "a ", ("done", "green"))
    assert written() == "a done\r\n"
    assert terminal.redraws(stream) == redraws


def test_an_empty_no_color_is_as_none(tty, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "")
    terminal.say(tty[0], ("done", "green"))
    assert "\x1b[32m" in tty[1]()


def test_a_line_is_shown_anew_in_one_row_of_the_terminal_whatever_its_letters(tty, monkeypatch):
    stream, written = tty
    monkeypatch.setattr("sys.stderr", stream)
    line = terminal.Line()
    line.show("short")
    line.show("漢" * 20 + "\nx" * 20)
    line.clear()
    no_wrap, wrap, cleared = "\x1b[?7l", "\x1b[?7h", "\r\x1b[K"
    long = "漢" * 20 + " x" * 5
    assert written() == f"{cleared}{no_wrap}short{wrap}{cleared}{no_wrap}{long}{wrap}{cleared}"


def test_a_file_gets_neither_colours_nor_redrawn_lines(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    line = terminal.Line()
    line.show("short")
    line.clear()
    terminal.say(stream, ("done", "green"))
    assert stream.getvalue() == "done\n"


def test_what_others_wrote_gives_no_orders_to_a_terminal():
    stream = io.StringIO()
    terminal.say(stream, "orders\x1b[2J\x07\x9b_2025.xml\ra\tb\nc")
    assert stream.getvalue() == "orders\\x1b[2J\\x07\\x9b_2025.xml\\x0da\tb\nc\n"


def test_a_console_of_few_letters_reads_the_answer_too():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, "cp1252", errors="backslashreplace")
    terminal.say(stream, "done: ₹1,05,000.00 · Zoë → index.html")
    terminal.say(stream, "only letters of its own · Zoë")
    terminal.say(stream, "मुंबई …")
    assert raw.getvalue().decode("cp1252").splitlines() == [
        "done: Rs. 1,05,000.00 | Zoë -> index.html",
        "only letters of its own · Zoë",
        "\\u092e\\u0941\\u0902\\u092c\\u0908 ...",
    ]


def test_secrets_are_hidden_and_numbers_masked_where_asked_for(monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "a long secret")
    assert terminal.shown("a long secret of 9876543210", io.StringIO()) == "*** of 9876543210"
    monkeypatch.setenv("MASK_PII", "1")
    assert terminal.shown("a long secret of 9876543210", io.StringIO()) == "*** of 98xxxxxx10"


def test_a_path_is_relative_where_it_lies_here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert terminal.path(tmp_path / "outputs/index.html") == "outputs/index.html"
    assert terminal.path(Path("/else/where")) == "/else/where"
