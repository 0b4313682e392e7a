"""The last runs are kept whole or not at all, and only what may be kept."""

import os
import shutil

import pytest
from lib import kept, promoting

from akasa.run import history
from akasa.workspace import promotion


def keeping(settings, most):
    return settings.model_copy(update={"keep_runs": most})


def texts(folder):
    """Return name → text of all files below a folder."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in found}


def whole(settings):
    """Return the names of the kept runs; all that is in the history must be theirs, and what they wrote."""
    folder = settings.output_dir / history.FOLDER
    found = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    for name in found:
        assert promotion.told(folder / name)["run"] == name
        assert promotion.changed(folder / name) == []
    return found


def test_a_run_is_kept_with_all_its_files_and_is_none_of_the_next_ones(workspace):
    first = kept.run(workspace, 1, tables_a="same", rejects_b="1")
    before = texts(workspace.output_dir / history.FOLDER / first)
    assert before["index.html"] == "day 1"
    assert {"sql_top_spenders.json", "parameters.sql.json", "tables/a", "rejects/b", "run.json"} < set(before)
    second = kept.run(workspace, 2, tables_a="same")
    assert whole(workspace) == [first, second]
    assert texts(workspace.output_dir / history.FOLDER / first) == before
    listed = promotion.listed(workspace.output_dir)
    assert [name for name in listed if name.startswith(history.FOLDER)] == []
    assert not (workspace.output_dir / "rejects/b").exists()


def test_of_more_runs_than_are_to_be_kept_the_oldest_go(workspace):
    names = [kept.run(keeping(workspace, 2), day) for day in (1, 2, 3)]
    assert whole(workspace) == names[1:]
    (mine := workspace.output_dir / history.FOLDER / "mine").mkdir()
    names.append(kept.run(keeping(workspace, 1), 4))
    mine.rmdir()  # it was there
    assert whole(workspace) == names[3:]
    kept.run(keeping(workspace, 0), 5)
    assert not (workspace.output_dir / history.FOLDER).exists()


def test_the_run_in_place_stays_though_the_clock_went_back(workspace):
    kept.run(keeping(workspace, 1), 2)
    again = kept.run(keeping(workspace, 1), 1)
    assert whole(workspace) == [again]


def test_what_is_the_same_is_one_file_on_the_disk_but_never_one_in_place(workspace):
    first, second = (kept.run(workspace, day, tables_a="same") for day in (1, 2))
    outputs, folder = workspace.output_dir, workspace.output_dir / history.FOLDER
    inodes = [(place / "tables/a").stat().st_ino for place in (folder / first, folder / second)]
    assert inodes[0] == inodes[1] != (outputs / "tables/a").stat().st_ino
    for name in promotion.listed(outputs):
        assert (folder / second / name).stat().st_ino != (outputs / name).stat().st_ino, name


def test_where_there_are_no_links_files_are_copied(workspace, monkeypatch):
    monkeypatch.setattr(os, "link", lambda *_, **__: (_ for _ in ()).throw(OSError("no links here")))
    assert whole(workspace) == []
    assert [kept.run(workspace, day, tables_a="same") for day in (1, 2)] == whole(workspace)


def test_a_file_of_an_earlier_run_that_somebody_changed_is_not_taken_for_the_later_ones(workspace):
    first = kept.run(workspace, 1, tables_a="same")
    (workspace.output_dir / history.FOLDER / first / "tables/a").write_text("mine")
    second = kept.run(workspace, 2, tables_a="same")
    assert promotion.changed(workspace.output_dir / history.FOLDER / second) == []


def test_what_is_half_removed_is_no_entry_and_goes_with_the_next_run(workspace, monkeypatch, capsys):
    def half(folder, **_):
        (folder / "index.html").unlink()
        raise OSError("the disk is gone")

    kept.run(workspace, 1)
    with monkeypatch.context() as failing:
        failing.setattr(shutil, "rmtree", half)
        history.trim(keeping(workspace, 0))
    assert (
        "warning: what is no longer needed of the history is left: the disk is gone"
        in capsys.readouterr().err
    )
    assert history.entries(workspace.output_dir) == []
    assert len(list((workspace.output_dir / history.FOLDER).iterdir())) == 1
    history.keep(keeping(workspace, 0))
    assert list((workspace.output_dir / history.FOLDER).iterdir()) == []


def test_what_cannot_be_kept_is_said_and_the_run_is_done(workspace, capsys):
    (workspace.output_dir / history.FOLDER).write_text("mine")
    kept.run(workspace, 1)
    assert (workspace.output_dir / "index.html").read_text() == "day 1"
    assert (workspace.output_dir / history.FOLDER).read_text() == "mine"
    assert "warning: this run's files are not kept in its history: " in capsys.readouterr().err


def test_a_run_that_was_not_kept_and_was_changed_since_is_not_kept_as_if_it_were_its_own(workspace, capsys):
    first = kept.run(keeping(workspace, 0), 1)
    (workspace.output_dir / "index.html").write_text("mine")
    second = kept.run(workspace, 2)
    assert whole(workspace) == [second]
    assert f"index.html is not what run {first} wrote" in capsys.readouterr().err


def test_a_masked_run_leaves_no_run_that_shows_numbers(workspace):
    masked = workspace.model_copy(update={"mask_pii": True})
    first, second = (kept.run(workspace, day) for day in (1, 2))
    shutil.rmtree(workspace.output_dir / history.FOLDER / second)  # as if it was killed before it was kept
    assert whole(workspace) == [first]
    third = kept.run(masked, 3)
    assert whole(workspace) == [third]
    fourth = kept.run(workspace, 4)
    assert whole(workspace) == [third, fourth]


def test_outputs_that_another_program_listed_are_not_kept(workspace):
    promoting.promote(workspace.output_dir, {"index.html": "1"}, "../../x")
    assert whole(workspace) == []
    assert [kept.run(workspace, 1)] == whole(workspace)


def killings(workspace, tmp_path):
    """Yield, for each place where a run can be killed, the settings after that; one run is kept before."""
    before = workspace.model_copy(update={"output_dir": tmp_path / "before", "keep_runs": 1})
    kept.run(before, 1, tables_a="same")
    for place in range(1, 1000):
        settings = before.model_copy(update={"output_dir": tmp_path / "killed"})
        shutil.copytree(before.output_dir, settings.output_dir)
        killed = promoting.killed(place, kept.run, settings, 2)
        yield place, settings
        if not killed:
            return
        shutil.rmtree(settings.output_dir)
    raise AssertionError("it never ended")


def test_killed_anywhere_there_are_whole_runs_only_and_the_next_one_mends(workspace, tmp_path):
    outcomes = set()
    for place, settings in killings(workspace, tmp_path):
        assert all(promotion.told(one) for one in history.entries(settings.output_dir))
        for one in history.entries(settings.output_dir):
            assert promotion.changed(one) == [], place
        promotion.settle(settings.output_dir)
        in_place = kept.said(settings)["run"]
        assert promotion.changed(settings.output_dir) == [], place
        outcomes.add((in_place[:8], tuple(one.name[:8] for one in history.entries(settings.output_dir))))
        more = settings.model_copy(update={"keep_runs": 9})
        third = kept.run(more, 3)
        assert whole(settings)[-2:] == [in_place, third], place
    first, second = "20251112", "20251113"
    assert outcomes == {
        (first, (first,)),
        (second, (first,)),
        (second, (first, second)),
        (second, (second,)),
    }


@pytest.mark.parametrize("content", ["{", "[]", '{"run": "20251112T060000Z-00000000", "files": {"x": 1}}'])
def test_what_is_no_list_of_a_run_is_no_entry(workspace, content):
    entry = workspace.output_dir / history.FOLDER / "20251112T060000Z-00000000"
    entry.mkdir(parents=True)
    (entry / "run.json").write_text(content)
    assert history.entries(workspace.output_dir) == []
