from akasa.workspace import progress


def test_nothing_is_told_where_nobody_asked(tmp_path, monkeypatch):
    monkeypatch.delenv(progress.VARIABLE, raising=False)
    monkeypatch.setattr(progress, "_last", [-1e9])
    progress.tell("10 records")
    assert progress.told(tmp_path / "none") == ""


def test_what_is_told_can_be_read_and_is_not_written_too_often(tmp_path, monkeypatch):
    file = tmp_path / "progress"
    monkeypatch.setenv(progress.VARIABLE, str(file))
    monkeypatch.setattr(progress, "_last", [-1e9])
    progress.tell("10 records")
    progress.tell("11 records")
    assert progress.told(file) == "10 records"
