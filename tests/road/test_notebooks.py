"""The committed notebooks: whole, in the house's shape, and still true on the bundled sample (nbval)."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from lib.nbval import nbval

from akasa.run import samples, steps
from akasa.workspace.settings import ROOT

NOTEBOOKS = [steps.NOTEBOOKS / f"{step}.ipynb" for step in steps.STEPS]
START = steps.NOTEBOOKS / f"{steps.START}.ipynb"
every = pytest.mark.parametrize("path", [*NOTEBOOKS, START], ids=lambda path: path.stem)


def faults(path):
    """Return what keeps a notebook from being tested and parameterised; shared by the guard and its test."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = []
    if sum("parameters" in cell.metadata.get("tags", ()) for cell in code) != (path != START):
        found.append("not one cell tagged parameters")
    if not any(cell.outputs for cell in code):
        found.append("no outputs: nbval would compare nothing")
    if any(output.output_type == "error" for cell in code for output in cell.outputs):
        found.append("an error among the outputs")
    if any(cell.execution_count is None for cell in code):
        found.append("a cell was never executed")
    return found


def with_cells(tmp_path, change):
    """Return a copy of 01_ingest whose cells were changed."""
    notebook = json.loads(NOTEBOOKS[0].read_text("utf-8"))
    for cell in notebook["cells"]:
        change(cell)
    path = tmp_path / "01_ingest.ipynb"
    path.write_text(json.dumps(notebook), "utf-8")
    return path


@every
def test_a_notebook_has_outputs_and_parameters(path):
    assert faults(path) == []


def test_a_notebook_without_outputs_is_caught(tmp_path):
    def strip(cell):
        if cell["cell_type"] == "code":
            cell["outputs"] = []

    assert faults(with_cells(tmp_path, strip)) == ["no outputs: nbval would compare nothing"]


def test_a_notebook_without_parameters_tag_is_caught(tmp_path):
    assert faults(with_cells(tmp_path, lambda cell: cell["metadata"].pop("tags", None))) == [
        "not one cell tagged parameters"
    ]


@every
def test_a_notebook_reads_as_a_story(path):
    notebook = nbformat.read(path, as_version=4)
    kinds = [cell.cell_type for cell in notebook.cells]
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert kinds[0] == "markdown"
    assert all(word in notebook.cells[0].source for word in ("**Reads**", "**Writes**"))
    assert ("**Next**" in notebook.cells[0].source) == (path != NOTEBOOKS[-1])
    assert ("parameters" in notebook.cells[1].metadata.get("tags", ())) == (path != START)
    assert not any(re.search(r"^\s*(def|class|for|while) ", source, re.M) for source in code)
    assert max(len(source.splitlines()) for source in code) <= 6
    assert "code code" not in " ".join(kinds), "two code cells without a line between"
    prose = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert 40 <= len(prose.split()) / len(code) <= 60


def sources(paths=NOTEBOOKS):
    notebooks = [nbformat.read(path, as_version=4) for path in paths]
    return [cell.source for notebook in notebooks for cell in notebook.cells if cell.cell_type == "code"]


def test_notebooks_import_one_face():
    lines = [line for source in sources() for line in source.splitlines() if re.match("from|import", line)]
    assert set(lines) == {"import akasa as ak", "from IPython.display import Markdown"}
    assert not [
        source for source in sources([START]) if "import" in source and source != "import akasa as ak"
    ]


def test_notebooks_use_few_names_of_ours():
    names = set(re.findall(r"\bak(?:\.\w+)+", "\n".join(sources())))
    assert len(names) <= 40, sorted(names)


def test_the_first_notebook_uses_few_names_all_of_those_that_are_typed_by_hand():
    names = set(re.findall(r"\bak(?:\.\w+)+", "\n".join(sources([START]))))
    assert len(names) <= 10, sorted(names)
    assert all(name.count(".") == 1 for name in names - {"ak.settings"})


def test_the_first_notebook_says_what_every_parameter_changes_and_leads_to_every_step():
    prose = "\n".join(cell.source for cell in nbformat.read(START, as_version=4).cells)
    rows = dict(re.findall(r"^\| \[(\w+)\]\(\1\.ipynb\) \|(.*)\|$", prose, re.MULTILINE))
    assert tuple(rows) == steps.STEPS
    for step in steps.STEPS:
        (cell,) = (
            cell
            for cell in nbformat.read(steps.NOTEBOOKS / f"{step}.ipynb", as_version=4).cells
            if "parameters" in cell.metadata.get("tags", ())
        )
        said = rows[step] + (rows["03_kpis_sql"] if "the same" in rows[step] else "")
        for name in re.findall(r"^(\w+):", cell.source, re.MULTILINE):
            assert f"`{name}`" in said, (step, name)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_parameters_are_annotated_literals_with_help(path):
    (cell,) = (
        c for c in nbformat.read(path, as_version=4).cells if "parameters" in c.metadata.get("tags", ())
    )
    assert all(
        re.fullmatch(r"\w+: (str|int|float|bool) = \S+  # \S.*", line) for line in cell.source.splitlines()
    )


@every
def test_no_machine_path_is_in_a_notebook(path):
    text = path.read_text("utf-8")
    assert str(ROOT) not in text
    assert str(Path.home()) not in text
    assert not re.search(r"(?<!\.\.)/(tmp|home|root|work|usr|var)/", text)


@pytest.mark.slow
def test_help_of_a_notebook_reads_as_a_manual():
    shown = subprocess.run(
        [sys.executable, "-m", "papermill", "--help-notebook", str(NOTEBOOKS[3])],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "which in-memory engine: pandas, dask or both" in shown
    assert "window_days: int (default 30)" in shown


@pytest.mark.slow
def test_nbval_finds_the_committed_outputs_on_the_sample():
    with samples.workspace() as environment:
        result = nbval([*NOTEBOOKS, START], environment)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]


@pytest.mark.slow
def test_nbval_notices_one_changed_digit(tmp_path):
    def falsify(cell):
        for output in cell.get("outputs", []):
            if "staged" in "".join(output.get("text", "")):
                output["text"] = [line.replace("100", "101") for line in output["text"]]

    path = with_cells(tmp_path, falsify)
    assert path.read_text("utf-8") != NOTEBOOKS[0].read_text("utf-8")
    with samples.workspace() as environment:
        result = nbval([path], environment)
    assert result.returncode == 1
    assert "101 records" in result.stdout
