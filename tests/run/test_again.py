"""The command to go on with: it is given again as it was, in a shell, whatever was in it."""

import shlex
import sys

import click
import pytest

from akasa.run import again


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    """A folder of its own, and of the environment only what the test sets."""
    monkeypatch.chdir(tmp_path)
    for name in (again.MAKE, again.MAKE_FROM, "AKASA_ENV_FILE"):
        monkeypatch.delenv(name, raising=False)


def given(monkeypatch, *words, program="/some/where/akasa/__main__.py"):
    monkeypatch.setattr(sys, "argv", [str(program), *words])


def made(monkeypatch, target, folder, **variables):
    """Set what the Makefile sets for a target that is called in a folder."""
    monkeypatch.setenv(again.MAKE, " ".join([target, *variables]))
    monkeypatch.setenv(again.MAKE_FROM, str(folder))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_by_python_the_interpreter_is_named_as_it_is_reached_from_here(monkeypatch, tmp_path):
    given(monkeypatch, "report", "--as-of", "2025-10-31")
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv/bin/python"))
    assert again.command() == ".venv/bin/python -m akasa report --as-of 2025-10-31"
    monkeypatch.setattr(sys, "executable", "/opt/a b/python")
    assert again.command() == "'/opt/a b/python' -m akasa report --as-of 2025-10-31"


def test_by_the_script_its_name_is_enough_where_a_shell_finds_it(monkeypatch, tmp_path):
    script = tmp_path / "bin/akasa"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    given(monkeypatch, "report", program=script)
    assert again.command() == "bin/akasa report"
    monkeypatch.setenv("PATH", str(script.parent), prepend=":")
    assert again.command() == "akasa report"


def test_by_make_the_target_and_its_variables_are_named_as_given(monkeypatch, tmp_path):
    given(monkeypatch, "report", "--as-of", "2025-10-31")
    made(monkeypatch, "report", tmp_path, AS_OF="2025-10-31", DB_NAME="it's $x")
    monkeypatch.setenv("MASK_PII", "1")
    said = again.command(MAX_REJECT_RATIO="0.50", AS_OF="2025-11-01")
    assert shlex.split(said) == [
        *("MASK_PII=1", "make", "report", "AS_OF=2025-11-01", "DB_NAME=it's $$x", "MAX_REJECT_RATIO=0.50")
    ]
    taken_away = again.command(AS_OF="")
    assert shlex.split(taken_away) == ["MASK_PII=1", "make", "report", "DB_NAME=it's $$x"]


def test_make_that_was_called_elsewhere_is_called_there_again(monkeypatch, tmp_path):
    made(monkeypatch, "withdraw", tmp_path.parent, NAME="incoming/a b.xml")
    assert again.command() == f"make -C {tmp_path} withdraw 'NAME=incoming/a b.xml'"


def test_settings_of_the_environment_are_given_again_but_no_secret(monkeypatch, tmp_path):
    given(monkeypatch, "report")
    monkeypatch.setattr(sys, "executable", "/bin/python3")
    for name, value in {
        "DATA_DIR": "da ta",
        "DB_HOST": "db",
        "DB_NAME": "",
        "DB_PASSWORD": "a long secret",
        "AKASA_ENV_FILE": "my.env",
        "EDITOR": "vi",
    }.items():
        monkeypatch.setenv(name, value)
    assert again.command() == "AKASA_ENV_FILE=my.env DATA_DIR='da ta' DB_HOST=db /bin/python3 -m akasa report"
    assert again.unshown() == ["DB_PASSWORD"]
    made(monkeypatch, "report", tmp_path, DB_PASSWORD="a long secret", DATA_DIR="da ta")
    assert again.command() == "AKASA_ENV_FILE=my.env DB_HOST=db make report 'DATA_DIR=da ta'"


def test_a_change_is_an_option_where_the_command_has_it_else_a_setting(monkeypatch):
    given(monkeypatch, "report", "--on-refused", "stop")
    monkeypatch.setattr(sys, "executable", "/bin/python3")
    monkeypatch.setenv("CELL_TIMEOUT", "1")
    with click.Context(click.Command("report", params=[click.Option(["--on-refused"])])):
        changed = again.command(ON_REFUSED="skip", CELL_TIMEOUT="10")
        taken_away = again.command(ON_REFUSED="")
    assert changed == "CELL_TIMEOUT=10 /bin/python3 -m akasa report --on-refused skip"
    assert taken_away == "CELL_TIMEOUT=1 /bin/python3 -m akasa report"
