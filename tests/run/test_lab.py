"""The copies that the lab works on: made, kept, renewed, brought back; and what JupyterLab is told."""

import asyncio
import json
import sys

import nbformat
import pytest
from tornado.web import HTTPError

from akasa.run import lab, lab_server
from akasa.run.steps import NOTEBOOKS
from akasa.workspace.settings import ROOT


def cells(*sources):
    made = [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.writes(nbformat.v4.new_notebook(cells=made)) + "\n"


@pytest.fixture
def committed(tmp_path):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in ("01_ingest", "02_validate"):
        (folder / f"{name}.ipynb").write_text(cells(f"# {name}", "1 + 1"))
    return folder


@pytest.fixture
def work(tmp_path, committed):
    lab.prepare(print, tmp_path / "work", committed)
    return tmp_path / "work"


def test_what_is_absent_is_copied_and_what_is_there_stays(work, committed, capsys):
    assert (work / "01_ingest.ipynb").read_text() == (committed / "01_ingest.ipynb").read_text()
    (work / "01_ingest.ipynb").write_text(cells("mine"))
    (work / "02_validate.ipynb").unlink()
    lab.prepare(print, work, committed)
    assert "mine" in (work / "01_ingest.ipynb").read_text()
    assert (work / "02_validate.ipynb").exists()
    assert capsys.readouterr().out == "", "who has changed a copy knows"


def test_what_was_committed_since_is_told_in_one_line(work, committed, capsys):
    (committed / "01_ingest.ipynb").write_text(cells("new"))
    lab.prepare(print, work, committed)
    assert capsys.readouterr().out == (
        "01_ingest: notebooks/ has changed since work/ was made; `make lab-reset` takes it, and keeps yours\n"
    )


def test_outputs_alone_are_no_change(work, committed, capsys):
    notebook = nbformat.read(committed / "01_ingest.ipynb", as_version=4)
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="2")]
    nbformat.write(notebook, committed / "01_ingest.ipynb")
    lab.prepare(print, work, committed)
    assert capsys.readouterr().out == ""


def test_a_reset_renews_copies_and_keeps_what_somebody_has_changed(work, committed, capsys):
    for attempt in ("first", "second"):
        (work / "01_ingest.ipynb").write_text(cells(attempt))
        lab.reset(print, work, committed)
    assert capsys.readouterr().out == (
        "kept work/earlier/01_ingest-1.ipynb\nkept work/earlier/01_ingest-2.ipynb\n"
    )
    assert "first" in (work / "earlier/01_ingest-1.ipynb").read_text()
    assert (work / "01_ingest.ipynb").read_text() == (committed / "01_ingest.ipynb").read_text()


def test_a_reset_takes_outputs_and_leaves_notebooks_of_ones_own(work, committed):
    (work / "outputs").mkdir()
    (work / "outputs/index.html").touch()
    (work / "mine.ipynb").write_text(cells("mine"))
    lab.reset(print, work, committed)
    assert not (work / "outputs").exists()
    assert (work / "mine.ipynb").exists()


def test_what_is_brought_back_has_its_cells_and_no_trace_of_machine_or_session(work, committed, capsys):
    notebook = nbformat.read(work / "01_ingest.ipynb", as_version=4)
    notebook.metadata["kernelspec"] = {"name": "my-own", "display_name": "Mine"}
    notebook.metadata["language_info"] = {"name": "python", "version": "3.11.2"}
    notebook.cells.append(nbformat.v4.new_code_cell("2 + 2", metadata={"collapsed": True, "tags": ["kept"]}))
    notebook.cells.append(nbformat.v4.new_markdown_cell("Said."))
    for cell in notebook.cells[:-1]:
        cell.execution_count = 7
        cell.outputs = [nbformat.v4.new_output("stream", text=str(ROOT))]
    nbformat.write(notebook, work / "01_ingest.ipynb")
    path = lab.bring_back("work/01_ingest.ipynb", work, committed)
    assert path == committed / "01_ingest.ipynb"
    found = json.loads(path.read_text())
    assert ["".join(cell["source"]) for cell in found["cells"]] == ["# 01_ingest", "1 + 1", "2 + 2", "Said."]
    assert [cell["id"] for cell in found["cells"]] == ["01-00", "01-01", "01-02", "01-03"]
    assert [cell.get("outputs") for cell in found["cells"]] == [[], [], [], None]
    assert {cell.get("execution_count") for cell in found["cells"]} == {None}
    assert found["cells"][2]["metadata"] == {"tags": ["kept"]}
    assert found["metadata"] == {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    lab.prepare(print, work, committed)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("name", "said"), [("03_kpis", "no work/03_kpis"), ("mine", "no notebooks/mine")])
def test_what_is_not_there_cannot_be_brought_back(work, committed, name, said):
    (work / "mine.ipynb").write_text(cells("mine"))
    with pytest.raises(lab.NotThere, match=f"there is {said}.ipynb; there are: 01_ingest, 02_validate"):
        lab.bring_back(name, work, committed)


def test_the_committed_notebooks_brought_back_unchanged_are_themselves_but_for_outputs(tmp_path):
    lab.prepare(print, tmp_path / "work", NOTEBOOKS)
    (tmp_path / "notebooks").mkdir()
    for path in NOTEBOOKS.glob("*.ipynb"):
        bare = json.loads(path.read_text("utf-8"))
        for cell in bare["cells"]:
            cell.update({"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {})
        copy = tmp_path / "notebooks" / path.name
        copy.touch()
        brought = lab.bring_back(path.stem, tmp_path / "work", tmp_path / "notebooks")
        assert json.loads(brought.read_text("utf-8")) == bare


def test_what_keeps_work_safe_comes_last_and_what_is_a_matter_of_taste_first(tmp_path):
    given = ["--port=8890", "--LabApp.default_url=/lab", "--ServerApp.root_dir=/"]
    told = lab.arguments(given, tmp_path)
    at = {argument.partition("=")[0]: place for place, argument in enumerate(told)}
    assert told[at["--LabApp.default_url"]] == "--LabApp.default_url=/lab"
    assert told[at["--ServerApp.root_dir"]] == f"--ServerApp.root_dir={ROOT}"
    assert "--port=8890" in told


@pytest.mark.parametrize(
    ("path", "is_free"),
    [
        ("work/01_ingest.ipynb", True),
        ("work/deep/er/x.csv", True),
        ("data/incoming/orders_2025-11-12.xml", True),
        ("notebooks/01_ingest.ipynb", False),
        ("README.md", False),
        ("outputs/index.html", False),
        ("data/orders.xml", False),
        ("work/../README.md", False),
        ("workshop.txt", False),
        ("", False),
    ],
)
def test_only_work_and_new_deliveries_are_written(path, is_free, monkeypatch):
    files = lab_server.Files(root_dir=str(ROOT))
    monkeypatch.setenv("INCOMING_DIR", "data/incoming")
    written = []

    async def note(self, model, path=""):
        written.append(path)

    monkeypatch.setattr(lab_server.AsyncLargeFileManager, "save", note)
    if is_free:
        asyncio.run(files.save({"type": "file"}, path))
        assert written == [path]
        return
    assert not files.is_writable(path)
    changes = [
        files.save({"type": "file"}, path),
        files.delete_file(path),
        files.rename_file(path, "work/x"),
        files.rename_file("work/x", path),
        files.restore_checkpoint("1", path),
    ]
    for change in changes:
        with pytest.raises(HTTPError, match=r"403.*what you write goes into work/"):
            asyncio.run(change)
    assert written == []


def test_a_link_in_work_leads_to_nothing_that_may_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(lab_server, "BY_HAND", tmp_path / "work/outputs")
    (tmp_path / "work").mkdir()
    (tmp_path / "README.md").touch()
    (tmp_path / "work/link").symlink_to(tmp_path / "README.md")
    assert not lab_server.Files(root_dir=str(tmp_path)).is_writable("work/link")


@pytest.mark.parametrize("given", [{}, {"token": ""}])
def test_nobody_comes_in_without_a_token(given):
    assert len(lab_server.Doorkeeper(**given).token) == 48


def test_a_token_or_password_of_ones_own_is_kept():
    assert lab_server.Doorkeeper(token="mine").token == "mine"
    assert lab_server.Doorkeeper(token="", hashed_password="argon2:x").token == ""


def test_where_jupyterlab_is_not_installed_it_is_said_what_brings_it(monkeypatch):
    for name in ("jupyterlab", "jupyterlab.labapp"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(lab.NotInstalled, match=r"^JupyterLab is not installed; make env EXTRA=lab$"):
        lab.start([], print)


def test_there_is_one_kernel_whatever_is_installed(tmp_path, monkeypatch):
    other = tmp_path / "kernels/python3"
    other.mkdir(parents=True)
    (other / "kernel.json").write_text(json.dumps({"argv": ["/bin/false"], "display_name": "other"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    specs = lab_server.OneKernel().get_all_specs()
    assert list(specs) == ["python3"]
    assert specs["python3"]["spec"]["argv"][1:3] == ["-m", "ipykernel_launcher"]


def test_each_kernel_has_a_folder_of_its_own(tmp_path):
    one, other = (lab_server.Kernel(kernels=str(tmp_path)) for _ in range(2))
    assert one.folder != other.folder
    assert (one.transport, one.ip) == ("ipc", str(one.folder / "k"))
    assert one.folder.stat().st_mode & 0o777 == 0o700
