"""One notebook in a kernel: what ends it is named, and what it leaves is the same every time."""

import functools
import time
from contextlib import nullcontext
from dataclasses import replace

import nbformat
import pytest
from papermill.exceptions import PapermillExecutionError

from akasa.run import kernel, notebook
from akasa.run.notebook import KernelDied, Limits, TookTooLong

UNLIMITED = Limits()


@pytest.fixture
def run(tmp_path, monkeypatch, opened):
    """Give a function that executes cells as 01_small would be, and returns what was written."""
    monkeypatch.setattr(notebook, "NOTEBOOKS", tmp_path)

    def executed(*sources, limits=UNLIMITED, mask=False, **given):
        cells = [nbformat.v4.new_code_cell(source, id=f"c{n}") for n, source in enumerate(sources)]
        cells[0].metadata["tags"] = ["parameters"]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "01_small.ipynb")
        target = tmp_path / "made/01_small.ipynb"
        with opened() as kernels:
            notebook.execute("01_small", given, target, lambda cell, cells: None, kernels, limits, mask)
        return target.read_text("utf-8")

    return executed


def test_the_same_cells_and_parameters_leave_the_same_bytes_over_ports_too(run, monkeypatch):
    first = run("a: int = 1", "{a} | {2}", a=3)
    assert run("a: int = 1", "{a} | {2}", a=3) == first
    assert '"id": "injected-parameters-1"' in first
    assert "{2, 3}" in first
    monkeypatch.setattr(kernel, "channels", functools.partial(kernel.channels, system="win32"))
    assert run("a: int = 1", "{a} | {2}", a=3) == first


@pytest.mark.parametrize(
    ("end", "error", "said"),
    [
        (
            "import os; os.kill(os.getpid(), 9)",
            KernelDied,
            r"in cell 3 of 3, the kernel was killed .*SIGKILL.*memory",
        ),
        (
            "import time; time.sleep(600)",
            TookTooLong,
            r"in cell 3 of 3, the cell took longer than CELL_TIMEOUT .*\(2 s\)",
        ),
        ("1 / 0", PapermillExecutionError, "division by zero"),
    ],
    ids=["killed, as for memory", "over its time", "an error"],
)
def test_what_ends_a_cell_is_named_and_what_others_gave_out_is_there_to_be_read(
    run, tmp_path, end, error, said
):
    began = time.monotonic()
    with pytest.raises(error, match=said):
        run("a = 1", "a + 1041", end, limits=Limits(cell=2))
    assert "1042" in (tmp_path / "made/01_small.ipynb").read_text("utf-8")
    assert time.monotonic() - began < 60


def test_a_run_over_its_time_is_named_as_that(run):
    limits = Limits(cell=600, run=1, began=time.monotonic())
    with pytest.raises(TookTooLong, match=r"in cell 1 of 1, the run took longer than RUN_TIMEOUT .*\(1 s\)"):
        run("import time; time.sleep(600)", limits=limits)


@pytest.mark.parametrize(
    ("limits", "ends"),
    [(Limits(cell=0.3), True), (Limits(cell=600, run=0.3), True), (Limits(cell=600, run=600), False)],
    ids=["over CELL_TIMEOUT", "over RUN_TIMEOUT", "within both"],
)
def test_a_cell_is_ended_by_the_limits_that_were_given_and_by_no_other(run, limits, ends):
    """The cell takes two seconds: a limit that was fixed somewhere is longer than that, or shorter."""
    given = replace(limits, began=time.monotonic())
    with pytest.raises(TookTooLong) if ends else nullcontext():
        run("import time; time.sleep(2)", limits=given)


def test_a_number_that_a_cell_gives_out_is_masked_where_that_is_asked_for(run):
    cells = "print('+91 98765 43210'); {'mobile_number': '9876543210'}"
    made = run(cells, mask=True)
    assert made.count("98xxxxxx10") == 2
    with pytest.raises(PapermillExecutionError, match="98xxxxxx10") as failure:
        run("raise ValueError('9876543210')", mask=True)
    assert "9876543210" not in failure.value.evalue


def test_a_secret_that_a_cell_prints_is_hidden(run, monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "canary-password")
    made = run("import os; print(os.environ['DB_PASSWORD']); os.environ['DB_PASSWORD']")
    assert made.count("***") == 2
    assert "canary" not in made
    with pytest.raises(PapermillExecutionError):
        run("import os; raise ValueError(os.environ['DB_PASSWORD'])")


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        (Limits(), None),
        (Limits(cell=5), 5),
        (Limits(run=100, began=40), 90),
        (Limits(cell=5, run=100, began=40), 5),
        (Limits(cell=5, run=12, began=40), 2),
        (Limits(cell=5, run=10, began=40), 0.01),
    ],
)
def test_the_shorter_of_two_limits_holds(limits, left):
    assert limits.left(50) == left


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (0, "ended by itself, with exit status 0"),
        (9, "ended by itself, with exit status 9"),
        (-9, "ran out of memory"),
        (-11, "SIGSEGV: a crash in a library"),
        (-15, "ended by SIGTERM"),
    ],
)
def test_how_a_kernel_died_is_told_by_its_status(status, said):
    assert said in notebook.how_it_died(status)
