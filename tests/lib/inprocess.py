"""Steps without kernels: a notebook's code cells run in this process, so that a whole run takes a second."""

import ast
import contextlib
import io
import json
import os
import tempfile
import types
from pathlib import Path
from unittest import mock

from lib import audited

from akasa import report
from akasa.report import drawings, site
from akasa.run import failed, kernel, kernels, notebook
from akasa.validate import gate


@contextlib.contextmanager
def steps(notebooks, ran, keeping=False):
    """Run steps so, from notebooks in a folder; the list `ran` is told each.

    What takes long and shows nothing else is left out: pictures, the audit's libraries, nice pages. Unless
    `keeping`, nothing is kept of a step that fails.
    """

    def executing(step, *more):
        ran.append(step)
        execute(notebooks, step, *more)

    with contextlib.ExitStack() as patches:
        for owner, name, instead in (
            (notebook, "execute", executing),
            (kernel, "private_folder", private_folder),
            (kernels.Kernels, "prepare", lambda _: None),
            (kernels.Kernels, "start", lambda *_: None),
            (site, "page", page),
            *(() if keeping else ((failed, "keep", lambda settings, step, cause, executed: executed),)),
            (gate, "audit", audited.quick),
            (report, "chart", lambda kpi, frame: f"{kpi} of {len(frame)} rows"),
            *((drawings, name, drawn) for name in ("months", "regions", "spenders")),
        ):
            patches.enter_context(mock.patch.object(owner, name, instead))
        yield


@contextlib.contextmanager
def private_folder(note=None):
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def drawn(frame, *_):
    return drawings.Drawing(f"{len(frame)} rows", "<svg></svg>")


def execute(notebooks, step, given, executed, started, theirs, *_):
    """Stand for `notebook.execute`: keep what cells print, and their last values as text."""
    said = json.loads((notebooks / f"{step}.ipynb").read_text("utf-8"))
    module = types.ModuleType(step).__dict__
    with mock.patch.dict(os.environ, theirs.environment):
        for cell in said["cells"]:
            if cell["cell_type"] == "code":
                cell["outputs"] = run("".join(cell["source"]), module)
            if "parameters" in cell["metadata"].get("tags", ()):
                module.update(given)
    executed.parent.mkdir(parents=True, exist_ok=True)
    executed.write_text(json.dumps(said, ensure_ascii=False), "utf-8")


def run(source, module):
    out, err = io.StringIO(), io.StringIO()
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        exec(compile(tree, "cell", "exec"), module)
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), module) if last else None
    streams = [
        {"output_type": "stream", "name": name, "text": stream.getvalue()}
        for name, stream in (("stdout", out), ("stderr", err))
        if stream.getvalue()
    ]
    result = {"output_type": "execute_result", "data": {"text/plain": str(getattr(value, "data", value))}}
    return [*streams, *([] if value is None else [result])]


def page(executed, others):
    return executed.read_text("utf-8")
