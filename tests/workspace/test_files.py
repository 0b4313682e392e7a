"""A run's private folder: its own, and nothing stays of those that were killed."""

from akasa.workspace import files


def test_each_run_has_a_private_folder_of_its_own(tmp_path):
    with files.private_folder(tmp_path) as first:
        pass
    with files.private_folder(tmp_path) as second:
        assert first != second
        assert first.parent == second.parent == tmp_path
        assert first.name.startswith(".run-")


def test_nothing_stays_of_a_run_s_folder_nor_of_one_that_was_killed(tmp_path):
    (tmp_path / ".run-killed/notebooks").mkdir(parents=True)
    (tmp_path / "index.html").touch()
    with files.private_folder(tmp_path) as private:
        files.write_text(private / "notebooks/a.html", "a")
        assert {path.name for path in tmp_path.iterdir()} == {"index.html", private.name}
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
