"""What a signal does to a command."""

import os
import signal
from pathlib import Path

import pytest

from akasa.run import console


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
