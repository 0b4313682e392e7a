"""What holds for the whole code of the project, whoever wrote it."""

import ast
import os
import shutil
import subprocess
import sys

import pytest

from akasa.workspace.settings import ROOT

TESTS = ROOT / "tests"


def privates(source):
    """Return the private names of akasa's modules that a test's source takes hold of."""
    tree = ast.parse(source)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom | ast.Import)]
    ours = [node for node in imports if _module(node).split(".")[0] == "akasa"]
    modules = {alias.asname or alias.name for node in ours for alias in node.names} | {"akasa"}
    found = [alias.name for node in ours for alias in node.names if _is_private(alias.name)]
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=owner, attr=name) if _is_private(name) and _root(owner) in modules:
                found.append(f"{ast.unparse(owner)}.{name}")
            case ast.Call(args=[owner, ast.Constant(value=str(name)), *_]) if _root(owner) in modules:
                found += [f"{ast.unparse(owner)}.{name}"] if _is_private(name) else []
            case ast.Constant(value=str(name)) if name.startswith("akasa.") and "._" in name:
                found += [name] if " " not in name else []
    return found


def _module(node):
    return (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name


def _root(node):
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _is_private(name):
    return name.startswith("_") and not name.endswith("__")


def test_tests_take_hold_of_nothing_private():
    others = [path for path in TESTS.rglob("*.py") if path.name != "test_house.py"]  # here they are planted
    found = {path.relative_to(TESTS).as_posix(): privates(path.read_text("utf-8")) for path in others}
    assert {name: names for name, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("source", "caught"),
    [
        ("from akasa.stores import database\ndatabase._engine.cache_clear()", ["database._engine"]),
        ("from akasa.kpis import dask as engine\nengine._sales()", ["engine._sales"]),
        ("import akasa\nakasa.stores.database._engine", ["akasa.stores.database._engine"]),
        ("from akasa.kpis.dask import _sales", ["_sales"]),
        ("from akasa import kpis\nmonkeypatch.setattr(kpis.dask, '_s3', 1)", ["kpis.dask._s3"]),
        ("monkeypatch.setattr('akasa.kpis.dask._s3', 1)", ["akasa.kpis.dask._s3"]),
        ("import os\nfrom akasa.stores import lock\nos._exit(9)\nlock.__name__\n[lock.run]", []),
    ],
)
def test_a_private_name_is_caught_however_it_is_taken(source, caught):
    assert privates(source) == caught


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("workspace/files.py", "from akasa.stores import database"),
        ("kpis/definitions.py", "from akasa.ingest import readers"),
        ("validate/gate.py", "from akasa.stores import database"),
        ("report/charts.py", "from akasa.publish import road"),
        ("attic/__init__.py", ""),
    ],
)
def test_an_import_upwards_or_a_room_without_a_place_breaks_the_contract(tmp_path, file, line):
    shutil.copytree(ROOT / "akasa", tmp_path / "akasa", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert lint_imports(tmp_path).returncode == 0
    (tmp_path / "akasa" / file).parent.mkdir(exist_ok=True)
    with (tmp_path / "akasa" / file).open("a") as module:
        module.write(f"\n{line}\n")
    broken = lint_imports(tmp_path)
    assert broken.returncode == 1
    assert line.partition(" ")[2].split(" ")[0] in broken.stdout


def lint_imports(folder):
    """Run import-linter on a copy of akasa, as `make lint` does on akasa."""
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache", "--no-logo"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
