"""An akasa that pip has installed works in a workspace of its own, and assumes no checkout."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from flit_core import buildapi
from lib import reference

from akasa.run import samples, start
from akasa.workspace.settings import ROOT, project


def test_the_project_is_the_checkout_else_where_one_stands(tmp_path):
    start.make(tmp_path / "mine")
    below = tmp_path / "mine/data/incoming"
    assert project(ROOT, below, None) == ROOT
    assert project(tmp_path / "site-packages", below, None) == tmp_path / "mine"
    assert project(tmp_path / "site-packages", tmp_path, None) == tmp_path
    assert project(tmp_path / "site-packages", below, "/elsewhere") == Path("/elsewhere")


def test_a_workspace_begins_with_what_a_checkout_has(tmp_path):
    start.make(tmp_path / "mine")
    made = {path.relative_to(tmp_path / "mine").as_posix() for path in (tmp_path / "mine").rglob("*.*")}
    ours = {f"notebooks/{path.name}" for path in ROOT.glob("notebooks/*.ipynb")}
    assert made == {*ours, "data/customers.csv", "data/orders.xml", ".env.example"}
    assert all((tmp_path / "mine" / name).read_bytes() == (ROOT / name).read_bytes() for name in made)
    assert (tmp_path / "mine/Makefile").read_text().startswith("# `akasa --help`")


def test_nothing_that_is_there_is_overwritten(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/orders.xml").write_text("mine")
    with pytest.raises(FileExistsError, match=r"has data/orders\.xml already; name another"):
        start.make(tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["orders.xml"]
    assert (tmp_path / "data/orders.xml").read_text() == "mine"


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """The package as pip gets it."""
    monkeypatch.chdir(ROOT)
    (tmp_path / "dist").mkdir()
    return tmp_path / "dist" / buildapi.build_wheel(str(tmp_path / "dist"))


def names(wheel):
    with zipfile.ZipFile(wheel) as packed:
        return {name for name in packed.namelist() if not name.endswith("RECORD")}


def test_wheel_and_sdist_hold_the_same_and_nothing_else(wheel, tmp_path, monkeypatch):
    code = {f"akasa/{path.relative_to(ROOT / 'akasa').as_posix()}" for path in files(ROOT / "akasa")}
    assert {name for name in names(wheel) if ".dist-info/" not in name} == code
    with tarfile.open(tmp_path / buildapi.build_sdist(str(tmp_path))) as packed:
        packed.extractall(tmp_path, filter="data")
    monkeypatch.chdir(tmp_path / wheel.name.split("-py3")[0])
    assert names(tmp_path / buildapi.build_wheel(str(tmp_path))) == names(wheel)


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


@pytest.mark.slow
def test_a_report_in_a_workspace_of_an_installed_akasa(wheel, tmp_path):
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-index",
        "--no-deps",
        f"--target={tmp_path / 'site'}",
    ]
    subprocess.run([*pip, wheel], check=True)
    (tmp_path / "elsewhere").mkdir()

    def akasa(*arguments, folder):
        plain = {**os.environ, **samples.defaults(), "PYTHONPATH": str(tmp_path / "site")}
        command = [tmp_path / "site/bin/akasa", *arguments]
        return subprocess.run(command, cwd=folder, env=plain, capture_output=True, text=True, check=False)

    lost = akasa("report", folder=tmp_path / "elsewhere")
    assert (lost.returncode, "is no workspace: `akasa init DIR` makes one" in lost.stderr) == (2, True)
    assert akasa("init", "mine", folder=tmp_path).returncode == 0
    done = akasa("report", folder=tmp_path / "mine/notebooks")
    assert done.returncode == 0, done.stdout + done.stderr
    delivered = [(name, (ROOT / "data" / name).read_bytes()) for name in samples.SAMPLE]
    for kpi, rows in reference.kpis(reference.publish(delivered)).items():
        told = (tmp_path / "mine/outputs" / f"sql_{kpi}.json").read_text("utf-8")
        assert json.loads(told, parse_float=str) == reference.kpi_json(kpi, rows)
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == []
