"""`make report` as a whole, in a workspace of its own: on the sample, and on deliveries of some sizes."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from akasa.run import kernel, samples
from akasa.run.steps import NOTEBOOKS, STEPS
from akasa.workspace.settings import ROOT
from bench.harness import Clock, race
from bench.reading import empty_expat_pass

_ALSO_IMPORTED = {"02_validate": "import great_expectations", "05_report": "import matplotlib.pyplot"}
_STEP = re.compile(r"^(\d\d_\w+) +done +([\d.]+)", re.MULTILINE)


def measure(folder: Path, delivered: Mapping[int, Path], runs: int) -> dict[str, list[dict[str, Any]]]:
    """Return title → table: the sample beside empty notebooks, and deliveries by their number of lines.

    A delivery's `beyond` is its time beyond the sample's, its `ratio` that to an empty expat pass over its
    orders. The one in the middle is run `runs` times, and then again with nothing new.
    """
    sample = race(
        {
            "five notebooks that only import": empty_notebooks,
            "report on the sample": report_on_the_sample,
            "the same again, nothing new": report_again_on_the_sample,
            "its first line": first_line,
        },
        (folder,),
        runs,
        1,
    )
    for row in sample:
        del row["rows_per_second"]
    often = sorted(delivered)[len(delivered) // 2]
    rows = []
    for lines, source in delivered.items():
        place = folder / "large"
        (expat,) = race({"expat": empty_expat_pass}, (source / "orders.xml",), runs, lines)
        (whole,) = race({f"{lines:,} lines": report}, (place, source), runs if lines == often else 1, lines)
        beyond = whole["seconds"] - sample[1]["seconds"]
        ratios = {
            "beyond": round(beyond, 1),
            "expat": expat["seconds"],
            "ratio": round(beyond / expat["seconds"], 2),
        }
        rows.append({**whole, **ratios, **_steps(place)})
        if lines == often:
            (again,) = race({f"{lines:,} lines again, nothing new": report_again}, (place,), 1, lines)
            rows.append({**again, "ratio": None, **_steps(place)})
    return {"make report on the sample": sample, "make report on a delivery": rows}


def empty_notebooks(clock: Clock, folder: Path) -> int:
    """Execute five notebooks that do nothing but import what ours import."""
    import papermill

    place = folder / "empty"
    place.mkdir(exist_ok=True)
    for step in STEPS:
        cells = nbformat.read(NOTEBOOKS / f"{step}.ipynb", as_version=4).cells
        imports = next(cell.source for cell in cells if cell.cell_type == "code" and "import" in cell.source)
        source = f"{imports}\n{_ALSO_IMPORTED.get(step, '')}"
        imports_only = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        imports_only.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        nbformat.write(imports_only, place / f"{step}.ipynb")
    with clock, tempfile.TemporaryDirectory(prefix="akasa-") as channels:
        for step in STEPS:
            papermill.execute_notebook(
                place / f"{step}.ipynb",
                place / f"{step}.out.ipynb",
                progress_bar=False,
                cwd=place,
                config=kernel.channels(Path(channels)),
            )
    return 0


def report_on_the_sample(clock: Clock, folder: Path) -> int:
    return report(clock, folder / "sample", ROOT / "data")


def report_again_on_the_sample(clock: Clock, folder: Path) -> int:
    return report_again(clock, folder / "sample")


def report(clock: Clock, place: Path, source: Path) -> int:
    """Run the report on what lies in `source`, in an empty workspace."""
    shutil.rmtree(place, ignore_errors=True)
    (place / "data").mkdir(parents=True)
    for name in samples.SAMPLE:
        shutil.copy(source / name, place / "data")
    return report_again(clock, place)


def report_again(clock: Clock, place: Path) -> int:
    with clock:
        done = subprocess.run(**_command(place), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    steps = {step: float(seconds) for step, seconds in _STEP.findall(done.stdout)}
    (place / "steps.json").write_text(json.dumps(steps), "utf-8")
    return 0


def first_line(clock: Clock, folder: Path) -> int:
    """Wait for the first line of a report on the sample, and end it."""
    with clock:
        command = _command(folder / "sample")
        process = subprocess.Popen(**command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout
        process.stdout.readline()
    process.terminate()
    process.communicate()
    return 0


def _command(place: Path) -> dict[str, Any]:
    ours: Mapping[str, str] = {
        "DATA_DIR": str(place / "data"),
        "OUTPUT_DIR": str(place / "outputs"),
        "AKASA_ENV_FILE": os.devnull,
    }
    return {"args": [sys.executable, "-m", "akasa", "report"], "env": {**os.environ, **ours}}


def _steps(place: Path) -> dict[str, float]:
    """Return the seconds of each step, as the last run in a workspace told them."""
    steps: dict[str, float] = json.loads((place / "steps.json").read_text("utf-8"))
    return steps
