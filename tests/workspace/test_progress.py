import time

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
