"""The committed notebooks: executed on the bundled sample, so that their outputs can be tested."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from akasa.run import kernel, notebook
from akasa.run.kernels import Kernels
from akasa.run.steps import NOTEBOOKS, START, STEPS
from akasa.workspace import progress
from akasa.workspace.settings import ROOT, Settings

EVERY = (*STEPS, START)  # 00_start looks at what the others have published
SAMPLE = ("customers.csv", "orders.xml")


def defaults() -> dict[str, str]:
    """Return an environment in which every setting has its default, whatever `.env` says."""
    return {**{name.upper(): "" for name in Settings.model_fields}, "AKASA_ENV_FILE": os.devnull}


@contextmanager
def workspace() -> Iterator[dict[str, str]]:
    """Give the environment of a throw-away workspace that holds the bundled sample and default settings."""
    with tempfile.TemporaryDirectory(prefix="akasa-") as folder:
        data = Path(folder) / "data"
        data.mkdir()
        for name in SAMPLE:
            shutil.copy(ROOT / "data" / name, data)
        yield {
            **defaults(),
            progress.VARIABLE: os.devnull,  # no cell shows how long it took
            "DATA_DIR": str(data),
            "OUTPUT_DIR": str(Path(folder) / "outputs"),
        }


def renew(told: Callable[[str], None], folder: Path = NOTEBOOKS) -> None:
    """Execute every notebook on the sample with its defaults and put it, with its outputs, into `folder`."""
    with (
        workspace() as environment,
        kernel.private_folder() as own,
        Kernels({**os.environ, **environment, "MPLCONFIGDIR": str(own)}, own) as kernels,
    ):
        made = Path(environment["OUTPUT_DIR"]) / "notebooks"
        for step in EVERY:
            executed = made / f"{step}.ipynb"
            notebook.execute(step, {}, executed, lambda cell, cells: None, kernels)
            told(step)
        for step in EVERY:
            shutil.copyfile(made / f"{step}.ipynb", folder / f"{step}.ipynb")
