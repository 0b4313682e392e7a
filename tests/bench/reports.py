"""`make report` as a whole, in a workspace of its own: on the sample, and on a large delivery."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from akasa import pipeline, samples
from akasa.parameters import NOTEBOOKS, STEPS
from akasa.settings import ROOT
from bench.harness import Clock, race
from bench.reading import empty_expat_pass

_ALSO_IMPORTED = {"02_validate": "import great_expectations", "05_report": "import matplotlib.pyplot"}


def measure(large: Path, lines: int, runs: int) -> dict[str, list[dict[str, Any]]]:
    """Return title → table: the sample beside empty notebooks, and the large delivery in `large`.

    The large delivery's ratio is to an empty expat pass over its orders, of the time beyond the sample's.
    """
    sample = race(
        {
            "five notebooks that only import": empty_notebooks,
            "report on the sample": report_on_the_sample,
            "the same again, nothing new": report_again,
        },
        (large,),
        runs,
        1,
    )
    (expat,) = race({"empty expat pass": empty_expat_pass}, (large / "orders.xml",), runs, lines)
    (whole,) = race({"report": report}, (large,), runs, lines)
    beyond = whole["seconds"] - sample[1]["seconds"]
    whole["ratio"] = round(whole["seconds"] / expat["seconds"], 2)
    rest = {"what": "report, beyond the sample's", "seconds": round(beyond, 2), "peak_mb": whole["peak_mb"]}
    rest |= {"ratio": round(beyond / expat["seconds"], 2), "rows_per_second": round(lines / beyond)}
    for row in sample:
        del row["rows_per_second"]
    return {"make report on the sample": sample, f"make report, {lines:,} order lines": [expat, whole, rest]}


def empty_notebooks(clock: Clock, large: Path) -> int:
    """Execute five notebooks that do nothing but import what ours import."""
    import papermill

    folder = large.parent / "empty"
    folder.mkdir(exist_ok=True)
    for step in STEPS:
        cells = nbformat.read(NOTEBOOKS / f"{step}.ipynb", as_version=4).cells
        imports = next(cell.source for cell in cells if cell.cell_type == "code" and "import" in cell.source)
        source = f"{imports}\n{_ALSO_IMPORTED.get(step, '')}"
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        nbformat.write(notebook, folder / f"{step}.ipynb")
    with clock:
        for step in STEPS:
            papermill.execute_notebook(
                folder / f"{step}.ipynb",
                folder / f"{step}.out.ipynb",
                progress_bar=False,
                cwd=folder,
                config=pipeline._PRIVATE_CHANNELS,
            )
    return 0


def report_on_the_sample(clock: Clock, large: Path) -> int:
    folder = large.parent / "sample"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    for name in samples.SAMPLE:
        shutil.copy(ROOT / "data" / name, folder / "data")
    return _report(clock, folder)


def report_again(clock: Clock, large: Path) -> int:
    return _report(clock, large.parent / "sample")


def report(clock: Clock, large: Path) -> int:
    folder = large.parent / "large"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    for name in samples.SAMPLE:
        os.link(large / name, folder / "data" / name)
    return _report(clock, folder)


def _report(clock: Clock, folder: Path) -> int:
    ours: Mapping[str, str] = {
        "DATA_DIR": str(folder / "data"),
        "OUTPUT_DIR": str(folder / "outputs"),
        "AKASA_ENV_FILE": os.devnull,
    }
    command = [sys.executable, "-m", "akasa", "report"]
    with clock:
        done = subprocess.run(
            command, env={**os.environ, **ours}, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    return 0
