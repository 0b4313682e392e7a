"""The notebooks by hand, in any order: each works, or says in one sentence what is missing."""

import os
import re
import shutil
import threading
from urllib.parse import unquote

import nbformat
import papermill
import pytest
from lib import command

import akasa as ak
from akasa.ingest.staging import NothingStaged
from akasa.kpis.results import ComputedApart, NotComputed
from akasa.report import front
from akasa.run import kernel, notebook, samples, steps
from akasa.run.kernels import Kernels
from akasa.stores import lock, published
from akasa.workspace.settings import BY_HAND, ROOT

STAGE = (NothingStaged, "nothing is staged yet: run 01_ingest first")
PUBLISH = (
    published.NothingPublished,
    "nothing is published yet: run notebooks 01_ingest and 02_validate first",
)
SQL = (NotComputed, "parameters.sql.json is missing: run notebook 03_kpis_sql first")
MEMORY = (NotComputed, "parameters.pandas.json is missing: run notebook 04_kpis_memory first")
# Of each notebook, what it says where so many of the five were run before it; None where it works.
SAYS = {
    "01_ingest": [None] * 6,
    "02_validate": [STAGE, None, None, None, None, None],
    "03_kpis_sql": [PUBLISH, PUBLISH, None, None, None, None],
    "04_kpis_memory": [PUBLISH, PUBLISH, None, None, None, None],
    "05_report": [STAGE, SQL, SQL, MEMORY, None, None],
}


def run(step, **parameters):
    """Run a notebook's cells in this process, the parameters instead of its own."""
    cells = nbformat.read(steps.NOTEBOOKS / f"{step}.ipynb", as_version=4).cells
    names = {"__name__": "__main__"}
    for cell in (cell for cell in cells if cell.cell_type == "code"):
        exec(cell.source, names)
        if "parameters" in cell.metadata.get("tags", ()):
            names.update(parameters)


def open_workspace(monkeypatch, folder):
    """Let this process work in a folder, as a notebook that is opened by hand does."""
    for name, value in samples.defaults().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATA_DIR", str(folder / "data"))
    monkeypatch.setenv("OUTPUT_DIR", str(folder / "outputs"))
    monkeypatch.delenv(lock.VARIABLE, raising=False)


@pytest.fixture(scope="module")
def after(tmp_path_factory):
    """The workspace after so many notebooks: number → folder, to be copied."""
    folder = tmp_path_factory.mktemp("road") / "0"
    command.sample(folder)
    made = [folder]
    with pytest.MonkeyPatch.context() as patch:
        for number, step in enumerate(steps.STEPS, 1):
            shutil.copytree(made[-1], folder.with_name(str(number)))
            made.append(folder.with_name(str(number)))
            open_workspace(patch, made[-1])
            run(step)
    return made


@pytest.fixture
def workspace(after, tmp_path, monkeypatch):
    """A function that gives a workspace of its own after so many notebooks."""

    def give(number):
        shutil.copytree(after[number], tmp_path, dirs_exist_ok=True)
        open_workspace(monkeypatch, tmp_path)
        return tmp_path

    return give


@pytest.mark.slow
@pytest.mark.parametrize("before", range(6))
@pytest.mark.parametrize("step", steps.STEPS)
def test_a_notebook_works_or_says_what_to_run_first(workspace, step, before):
    workspace(before)
    said = SAYS[step][before]
    if said is None:
        run(step)
        return
    kind, sentence = said
    with pytest.raises(kind) as raised:
        run(step)
    assert str(raised.value).endswith(sentence) or str(raised.value).startswith(sentence)
    assert "\n" not in str(raised.value)


@pytest.mark.slow
def test_05_writes_the_page_that_it_says_it_writes(workspace, capsys):
    folder = workspace(4)
    run("05_report")
    assert "written: outputs/index.html\n" in capsys.readouterr().out
    assert "10 November 2025" in (folder / "outputs/index.html").read_text("utf-8")


@pytest.mark.slow
def test_all_links_of_the_page_by_hand_lead_somewhere(workspace, monkeypatch):
    folder = workspace(5)
    monkeypatch.setattr(front, "BY_HAND", folder / "outputs")
    run("05_report")
    for name in ("index.html", "audit.html"):
        page = (folder / "outputs" / name).read_text("utf-8")
        links = {unquote(link) for link in re.findall(r'href="([^"#:]+)"', page)}
        assert len(links) > 3
        assert [link for link in links if not (folder / "outputs" / link).exists()] == []
    assert "no run has delivered it" in (folder / "outputs/index.html").read_text("utf-8")


@pytest.mark.slow
def test_another_day_in_one_notebook_is_named_and_is_no_disagreement(workspace):
    workspace(5)
    run("03_kpis_sql", as_of="2025-10-31")
    with pytest.raises(ComputedApart) as raised:
        run("05_report")
    assert str(raised.value) == (
        "sql was computed for as_of = 2025-10-31, pandas for 2025-11-10: "
        "run 03_kpis_sql and 04_kpis_memory alike"
    )
    run("04_kpis_memory", as_of="2025-10-31")
    run("05_report")


@pytest.mark.slow
def test_an_engine_that_did_not_run_is_named_with_what_to_choose(workspace):
    workspace(5)
    with pytest.raises(NotComputed, match='run notebook 04_kpis_memory with engine = "dask" or "both" first'):
        run("05_report", engine="both")


@pytest.mark.slow
def test_kpis_from_before_the_last_publish_are_named_and_are_no_disagreement(workspace):
    folder = workspace(5)
    shutil.copytree(ROOT / "tests/data/incoming", folder / "data/incoming")
    run("01_ingest")
    run("02_validate")
    with pytest.raises(
        ComputedApart, match="sql was computed before the last publish: run 03_kpis_sql again"
    ):
        run("05_report")
    run("03_kpis_sql")
    with pytest.raises(ComputedApart, match=r"pandas was computed before .*: run 04_kpis_memory again"):
        run("05_report")
    run("04_kpis_memory")
    run("05_report")


@pytest.mark.slow
def test_publishing_by_hand_while_a_run_goes_on_says_who_holds_the_workspace(workspace, monkeypatch):
    folder = workspace(1)
    monkeypatch.setenv("LOCK_TIMEOUT", "0")
    goes_on, over = threading.Event(), threading.Event()

    def another():
        with lock.run(ak.settings()):
            goes_on.set()
            over.wait(60)

    thread = threading.Thread(target=another)
    thread.start()
    goes_on.wait(60)
    with pytest.raises(lock.Busy) as raised:
        run("02_validate")
    over.set()
    thread.join()
    assert re.fullmatch(
        r"process \d+ \(run \w+\) holds .*; waited 0 s. Try again when it is done, or set LOCK_TIMEOUT.",
        str(raised.value),
    )
    assert str(folder / "data") in str(raised.value)
    run("02_validate")


def test_by_hand_outputs_go_to_work_unless_told_otherwise(tmp_path, monkeypatch):
    open_workspace(monkeypatch, tmp_path)
    assert ak.settings().output_dir == tmp_path / "outputs"
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs/run.json").write_text("{}")
    assert ak.settings().output_dir == BY_HAND, "a run has delivered there"
    assert ak.settings(output_dir=tmp_path).output_dir == tmp_path
    monkeypatch.setenv("OUTPUT_DIR", "")
    assert ak.settings().output_dir == BY_HAND == ROOT / "work/outputs"
    assert ak.settings().label(BY_HAND / "index.html") == "work/outputs/index.html"


def test_by_hand_no_file_of_settings_leads_to_what_was_delivered(tmp_path, monkeypatch):
    open_workspace(monkeypatch, tmp_path)
    (tmp_path / ".env").write_text(f"OUTPUT_DIR={tmp_path / 'reports'}\n")
    monkeypatch.setenv("AKASA_ENV_FILE", str(tmp_path / ".env"))
    monkeypatch.delenv("OUTPUT_DIR")
    assert ak.settings().output_dir == BY_HAND


def test_a_notebook_of_a_run_writes_where_the_run_says(tmp_path, monkeypatch):
    open_workspace(monkeypatch, tmp_path)
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs/run.json").write_text("{}")
    monkeypatch.setenv(lock.VARIABLE, "process 1 (run 1)")
    assert ak.settings().output_dir == tmp_path / "outputs"


@pytest.mark.long
@pytest.mark.parametrize("step", steps.STEPS[1:])
def test_in_a_kernel_the_last_line_is_that_sentence(tmp_path, step):
    data = command.sample(tmp_path)
    given = {
        **os.environ,
        **samples.defaults(),
        "DATA_DIR": str(data),
        "OUTPUT_DIR": str(tmp_path / "outputs"),
    }
    kind, sentence = SAYS[step][0]
    with (
        kernel.private_folder() as folder,
        Kernels(given, folder) as kernels,
        pytest.raises(papermill.PapermillExecutionError) as raised,
    ):
        notebook.execute(step, {}, tmp_path / f"{step}.ipynb", lambda cell, cells: None, kernels)
    assert raised.value.ename == kind.__name__
    assert raised.value.evalue.startswith(sentence)
