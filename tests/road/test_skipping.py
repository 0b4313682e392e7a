"""`python -m akasa report` where a report is in place: for real, with kernels where a step has to run."""

import shutil

import pytest
from lib.command import report

from akasa.run.steps import STEPS
from akasa.workspace import promotion
from akasa.workspace.settings import ROOT

pytestmark = pytest.mark.slow


def statuses(result):
    """Return step → the word behind it on the console."""
    lines = [line.split() for line in result.stdout.splitlines()]
    return {step: line[1] for step in STEPS for line in lines if line[:1] == [step] and len(line) > 1}


def contents(outputs):
    """Return each file's bytes and time, but those of the lock."""
    files = (path for path in outputs.rglob("*") if path.is_file() and path.name[0] != ".")
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def copied(reported, folder):
    shutil.copytree(reported.parent, folder, dirs_exist_ok=True)
    return folder / reported.name


def test_with_nothing_new_nothing_runs_and_nothing_moves(reported, tmp_path):
    data = copied(reported, tmp_path)
    before = contents(tmp_path / "outputs")
    result = report(data)
    assert result.returncode == 0, result.stderr
    assert statuses(result) == dict.fromkeys(STEPS, "up")  # to date
    assert contents(tmp_path / "outputs") == before


def test_only_what_has_to_run_runs_and_all_is_put_in_place_together(reported, tmp_path):
    data = copied(reported, tmp_path)
    (tmp_path / "outputs/index.html").unlink()
    (data / "rejects/mine.csv").unlink()
    result = report(data, "--only", "05_report")
    assert result.returncode == 0, result.stderr
    assert "note: 02_validate is not up to date: data/rejects/mine.csv is gone" in result.stderr
    assert statuses(result) == dict(zip(STEPS, ["up", "left", "up", "up", "done"], strict=True))
    outputs = tmp_path / "outputs"
    assert promotion.changed(outputs) == []
    runs = {name: known["run"] for name, known in promotion.listed(outputs).items()}
    this = promotion.told(outputs)["run"]
    assert {name for name, run in runs.items() if run == this} >= {"index.html", "notebooks/05_report.ipynb"}
    assert {runs["sql_top_spenders.json"], runs["notebooks/01_ingest.html"]} == {
        promotion.told(reported.parent / "outputs")["run"]
    }


@pytest.mark.long
def test_a_new_delivery_runs_all_and_a_file_that_is_none_leaves_the_kpis(reported, tmp_path):
    data = copied(reported, tmp_path)
    shutil.copytree(ROOT / "tests/data/incoming", data / "incoming")
    result = report(data)
    assert result.returncode == 0, result.stderr
    assert statuses(result) == dict.fromkeys(STEPS, "done")
    (data / "incoming/notes.txt").touch()
    result = report(data)
    assert statuses(result) == dict(zip(STEPS, ["done", "done", "up", "up", "done"], strict=True))
    assert "notes.txt" in (tmp_path / "outputs/index.html").read_text("utf-8").replace("<wbr>", "")
