"""An akasa that pip has installed works in a workspace of its own, and assumes no checkout."""

import ast
import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
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


@pytest.mark.parametrize("name", ["data/orders.xml", ".env.example", "notes.txt"])
def test_a_folder_that_is_not_empty_is_refused_and_nothing_overwritten(tmp_path, name):
    (tmp_path / "data").mkdir()
    (tmp_path / name).write_text("mine")
    with pytest.raises(FileExistsError, match=r"^nothing was made: .* already; name another$") as error:
        start.make(tmp_path)
    assert name.partition("/")[0] in str(error.value)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [Path(name).name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_folder_with_a_repository_and_an_environment_becomes_a_workspace(tmp_path):
    (tmp_path / ".venv").mkdir()
    start.make(tmp_path)
    assert (tmp_path / "notebooks/05_report.ipynb").exists()


def test_links_that_git_has_checked_out_as_text_are_followed(tmp_path, monkeypatch):
    """So does git on Windows, where a right is needed to make links."""
    (tmp_path / "akasa/start").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/orders.xml").write_text("<orders/>")
    (tmp_path / "akasa/start/orders.xml").write_text("../../data/orders.xml")
    monkeypatch.setattr(start, "BEGINNING", tmp_path / "akasa/start")
    start.make(tmp_path / "mine")
    assert (tmp_path / "mine/data/orders.xml").read_text() == "<orders/>"


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """The package as pip gets it."""
    monkeypatch.chdir(ROOT)
    (tmp_path / "dist").mkdir()
    return tmp_path / "dist" / buildapi.build_wheel(str(tmp_path / "dist"))


def contents(wheel):
    with zipfile.ZipFile(wheel) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def test_wheel_and_sdist_hold_the_same_and_nothing_else(wheel, tmp_path, monkeypatch):
    code = {f"akasa/{path.relative_to(ROOT / 'akasa').as_posix()}" for path in files(ROOT / "akasa")}
    ours = contents(wheel)
    assert {name for name in ours if ".dist-info/" not in name} == code
    with tarfile.open(tmp_path / buildapi.build_sdist(str(tmp_path))) as packed:
        packed.extractall(tmp_path, filter="data")
    monkeypatch.chdir(tmp_path / wheel.name.split("-py3")[0])
    assert contents(tmp_path / buildapi.build_wheel(str(tmp_path))) == ours


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


@pytest.fixture
def environment(wheel, tmp_path):
    """An environment with akasa from the wheel, and all else from ours: no path leads to a checkout."""
    made = tmp_path / "environment"
    venv.create(made, symlinks=True)
    (made / "share").symlink_to(Path(sys.prefix) / "share")  # templates of pages, and so on
    python = made / "bin/python"
    pip = [sys.executable, "-m", "pip", f"--python={python}", "install", "-q", "--no-index", "--no-deps"]
    subprocess.run([*pip, wheel], check=True)
    (packages,) = made.glob("lib/python*/site-packages")
    (packages / "ours.pth").write_text(sysconfig.get_path("purelib"))
    asked = subprocess.run(
        [python, "-c", "import sys; print(sys.path)"], cwd=made, capture_output=True, text=True
    )
    assert str(ROOT) not in ast.literal_eval(asked.stdout)
    return made


@pytest.mark.slow
def test_a_workspace_of_an_installed_akasa_works(environment, tmp_path):
    """Its folder's name is one that shells take apart."""
    mine, elsewhere = tmp_path / "Asha's own work", tmp_path / "elsewhere"
    elsewhere.mkdir()
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MAKEFLAGS")}
    path = os.pathsep.join([str(environment / "bin"), os.environ["PATH"]])

    def run(*command, folder=mine):
        plain = {**inherited, **samples.defaults(), "PATH": path}
        return subprocess.run(command, cwd=folder, env=plain, capture_output=True, text=True, check=False)

    lost = run("akasa", "report", folder=elsewhere)
    assert (lost.returncode, "is no workspace: `akasa init DIR` makes one" in lost.stderr) == (2, True)
    assert run("akasa", "init", mine.name, folder=tmp_path).returncode == 0
    done = run("make", "report", "AS_OF=2025-11-10")
    assert done.returncode == 0, done.stdout + done.stderr
    delivered = [(name, (ROOT / "data" / name).read_bytes()) for name in samples.SAMPLE]
    for kpi, rows in reference.kpis(reference.publish(delivered)).items():
        told = (mine / "outputs" / f"sql_{kpi}.json").read_text("utf-8")
        assert json.loads(told, parse_float=str) == reference.kpi_json(kpi, rows)
    status = run("akasa", "status", "--json", folder=mine / "notebooks")
    assert json.loads(status.stdout)
    assert status.returncode == 0
    assert run("akasa", "settings").returncode == 0
    assert "JupyterLab" in run("akasa", "lab", "--help").stdout
    extra = "from akasa.workspace.extras import how_to_have; print(how_to_have('lab'))"
    assert run("python", "-c", extra).stdout == "pip install 'akasa[lab]'\n"
    assert list(elsewhere.iterdir()) == []
