"""A run's files take their places wholly or not at all, and nothing goes that no run wrote."""

import json
import os
import subprocess
import sys

import pytest
from lib import promoting

from akasa.workspace import promotion
from akasa.workspace.settings import ROOT


@pytest.mark.parametrize("often", ["once", pytest.param("twice", marks=pytest.mark.long)])
def test_killed_anywhere_one_run_s_files_are_in_place(tmp_path, often):
    """Also where what settles it is killed in its turn, and where a file can't be replaced."""
    found = subprocess.run(
        [sys.executable, promoting.__file__, often, str(tmp_path / "outputs")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    by_kill = json.loads(found.stdout)
    ends = {
        how: [end for inner in kills.values() for end in inner.values()] for how, kills in by_kill.items()
    }
    assert [end for found in ends.values() for end in found if end not in ("old", "new")] == []
    assert {how for how, found in ends.items() if "new" in found} == {"free", "for a time"}
    assert all("old" in found for found in ends.values())
    assert len(by_kill["free"]) >= 10
    print(f"0 mixtures over {sum(map(len, ends.values()))} kills")


def test_a_run_is_promoted_beside_what_is_not_its_own(tmp_path):
    promoting.promote(tmp_path, promoting.OLD, "old")
    promoting.write(tmp_path, promoting.MINE)
    promoting.promote(tmp_path, promoting.NEW, "new")
    assert promoting.contents(tmp_path) == {**promoting.NEW, **promoting.MINE}
    said = promotion.told(tmp_path)
    assert {known["run"] for known in said["files"].values()} == {"new"}
    assert promotion.changed(tmp_path) == []


def test_what_stays_is_listed_with_the_run_that_made_it(tmp_path):
    promoting.promote(tmp_path, promoting.OLD, "old")
    with promotion.private_folder(tmp_path) as private:
        promoting.write(private, promoting.NEW)
        promotion.promote(private, tmp_path, {"run": "new"}, lambda name: name == "notebooks/gone.html")
    listed = promotion.listed(tmp_path)
    assert listed["notebooks/gone.html"]["run"] == "old"
    assert {listed[name]["run"] for name in promoting.NEW} == {"new"}


def test_a_file_that_somebody_changed_since_is_theirs(tmp_path):
    promoting.promote(tmp_path, promoting.OLD, "old")
    (tmp_path / "notebooks/gone.html").write_text("mended by hand")
    assert promotion.changed(tmp_path) == ["notebooks/gone.html"]
    promoting.promote(tmp_path, promoting.NEW, "new")
    assert (tmp_path / "notebooks/gone.html").read_text() == "mended by hand"
    assert "notebooks/gone.html" not in promotion.listed(tmp_path)


def test_folders_that_a_run_leaves_empty_go_and_others_stay(tmp_path):
    promoting.promote(tmp_path, {"docs/deep/a": "1", "docs/b": "1"}, "old")
    (tmp_path / "docs/mine").mkdir()
    promoting.promote(tmp_path, {"index.html": "2"}, "new")
    assert [path.name for path in (tmp_path / "docs").iterdir()] == ["mine"]


def test_links_of_a_user_s_and_what_they_lead_to_stay(tmp_path):
    promoting.write(tmp_path, {"outside/precious": "kept"})
    promoting.promote(tmp_path / "outputs", promoting.OLD, "old")
    link = tmp_path / "outputs/notebooks/link"
    link.symlink_to(tmp_path / "outside", target_is_directory=True)
    promoting.promote(tmp_path / "outputs", promoting.NEW, "new")
    assert (link / "precious").read_text() == "kept"


def test_the_page_comes_last_but_for_the_list_and_what_goes_goes_then(tmp_path, monkeypatch):
    promoting.promote(tmp_path, promoting.OLD, "old")
    places = []
    monkeypatch.setattr(promotion, "reached", places.append)
    promoting.promote(tmp_path, promoting.NEW, "new")
    moved = [place.split()[2] for place in places if place.startswith("before moving")]
    assert moved[-3:] == ["index.html", "run.json", "notebooks/gone.html"]


def test_ctrl_c_in_the_midst_of_it_leaves_the_earlier_run_s(tmp_path, monkeypatch):
    promoting.promote(tmp_path, promoting.OLD, "old")
    promoting.write(tmp_path, promoting.MINE)

    def interrupt(place):
        if place == "before moving index.html into place":
            raise KeyboardInterrupt

    monkeypatch.setattr(promotion, "reached", interrupt)
    with pytest.raises(KeyboardInterrupt):
        promoting.promote(tmp_path, promoting.NEW, "new")
    assert promoting.run_of(tmp_path) == "old"


def test_a_file_that_cannot_be_replaced_leaves_the_earlier_run_s_and_says_why(tmp_path):
    public = promoting.begun(tmp_path, blocked=True)
    with pytest.raises(
        promotion.PromotionFailed, match=r"stay as they were, they cannot be replaced: .*kpi\.csv"
    ):
        promoting.promote(public, promoting.NEW, "new")
    assert (public / "index.html").read_text() == "old"
    assert promotion.told(public)["run"] == "old"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"run": "x", "files": []}', '{"run": "x", "files": {"a": 1}}', "\x00"]
)
def test_a_run_json_of_somebody_else_s_lists_nothing(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    assert promotion.told(tmp_path) is None
    assert promotion.listed(tmp_path) == {}


@pytest.mark.parametrize("name", ["../precious", "/etc/precious", "a/../../precious"])
def test_a_run_json_cannot_name_what_lies_outside(tmp_path, name):
    listed = {"run": "x", "files": {name: {"sha256": "0", "run": "x"}}}
    (tmp_path / "run.json").write_text(json.dumps(listed))
    assert promotion.listed(tmp_path) == {}


def test_each_run_has_a_private_folder_of_its_own_and_nothing_stays_of_one_that_was_killed(tmp_path):
    kept = (".run-mine/notes", ".run/notes", f".run-{'0' * 31}/notes", "index.html")
    promoting.write(tmp_path, dict.fromkeys((*kept, f".run-{'0' * 32}/killed", f".{'0' * 32}.part"), "x"))
    with promotion.private_folder(tmp_path) as first:
        promoting.write(first, {"notebooks/a.html": "a"})
    with promotion.private_folder(tmp_path) as second:
        assert first != second
        assert first.parent == second.parent == tmp_path
    assert set(promoting.contents(tmp_path)) == set(kept)
