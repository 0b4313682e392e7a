"""An extension of IPython, for kernels of a run: it imports what the step's notebook will use.

So a kernel that starts while another step goes on is ready when its turn comes. Of what their libraries would
import besides, it spares them what no step uses, and what takes seconds:

- `rfc3987_syntax` builds a grammar, with which jsonschema would check IRIs. It checks none where that is not
  installed, and so it is for a run.
- Great Expectations would draw a chart with Altair and compare distributions with SciPy. Both are imported
  once somebody asks them for something.
"""

import atexit
import gc
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType
from typing import Any

STEP = "AKASA_STEP"
ALL = ("akasa.report.sentences", "akasa.report.tables")
USED = {  # besides, and what these import only within a function
    "02_validate": ("akasa.publish.road", "great_expectations"),
    "03_kpis_sql": ("akasa.kpis.sql",),
    "04_kpis_memory": ("akasa.workspace.cluster", "akasa.kpis.pandas"),
    "05_report": ("akasa.kpis.sql", "akasa.report.front", "akasa.report.charts", "matplotlib.figure"),
}
_NOT_INSTALLED = "rfc3987_syntax"
_ONCE_ASKED = ("altair", "scipy.stats")


def load_ipython_extension(shell: Any) -> None:
    atexit.register(_let_say, shell.kernel.control_thread)
    spare()
    with uncollected():
        for name in uses(os.environ.get(STEP, "")):
            with suppress(Exception):  # the notebook imports it again, and says what is wrong
                importlib.import_module(name)
    gc.freeze()  # of all this, none is garbage when the process ends, either


def _let_say(control: Any) -> None:
    """Let the thread that was told to end say so, before ipykernel closes what it is heard by.

    Else it waits for somebody to listen, for ten seconds, and the process waits for it.
    """
    if control and control.is_alive():
        control.stop()
        control.join()


def uses(step: str) -> tuple[str, ...]:
    return (*ALL, *USED.get(step, ()))


@contextmanager
def uncollected() -> Iterator[None]:
    """Import without looking for garbage: there is none in modules, and Python would look again and again."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def spare() -> None:
    """Spare this process what no step uses of what its libraries import."""
    sys.modules.setdefault(_NOT_INSTALLED, None)  # type: ignore[arg-type]  # so Python says it
    if _Late not in sys.meta_path:
        sys.meta_path.insert(0, _Late)


class _Late:
    """Finds modules which Python's own LazyLoader then executes when they are first asked for something."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name in _ONCE_ASKED else None
        if spec and spec.loader:
            spec.loader = LazyLoader(spec.loader)
        return spec
