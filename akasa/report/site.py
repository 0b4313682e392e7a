"""The pages of a run's executed notebooks, with links between them and to the report."""

from collections.abc import Sequence
from pathlib import Path

import nbformat

from akasa.report import pages


def page(executed: Path, steps: Sequence[str]) -> str:
    """Return an executed notebook's page, which is to lie beside it."""
    notebook = nbformat.read(executed, as_version=4)
    others = [(step, f"../notebooks/{step}.html") for step in steps]
    audited = [("Audit", "../audit.html"), ("Data Docs", "../data_docs/index.html")]
    links = [("Report", "../index.html"), *others, *audited]
    return pages.render_html(notebook, executed.stem, links)
