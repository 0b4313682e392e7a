"""The pages of a run: each executed notebook's, and the report at the top, with links between them."""

from collections.abc import Sequence
from pathlib import Path

import nbformat

from akasa.report import pages
from akasa.workspace import files


def render(executed: Path, folder: Path, steps: Sequence[str]) -> None:
    """Write the executed notebook's page beside it, and the last step's also as `index.html`."""
    notebook = nbformat.read(executed, as_version=4)
    links = [*((step, f"notebooks/{step}.html") for step in steps), ("Data Docs", "data_docs/index.html")]
    beside = [("Report", "../index.html"), *((text, f"../{address}") for text, address in links)]
    files.write_text(executed.with_suffix(".html"), pages.render_html(notebook, executed.stem, beside))
    if executed.stem == steps[-1]:
        files.write_text(folder / "index.html", pages.render_html(notebook, "Akasa report", links))
