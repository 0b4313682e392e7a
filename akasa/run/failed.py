"""Keep the notebook of a failed step where it can be opened."""

from pathlib import Path
from textwrap import indent

import nbformat

from akasa.report import pages
from akasa.run.steps import NOTEBOOKS
from akasa.validate import audits, data_docs
from akasa.workspace import clock, files, promotion
from akasa.workspace.settings import Settings


def keep(settings: Settings, step: str, cause: str, executed: Path) -> Path:
    """Keep the notebook and its page in `data/failed/`, in the place of an earlier failure; return the page.

    It is marked, for a dead kernel leaves no mark. Where the last audit failed, its Data Docs are kept beside
    it: they show the rows that broke it. Files that no failed run left there stay.
    """
    folder = settings.data_dir / "failed"
    source = executed if executed.exists() else NOTEBOOKS / f"{step}.ipynb"
    failed = marked(nbformat.read(source, as_version=4), cause)
    with files.private(), promotion.private_folder(folder) as private:
        files.write_text(private / f"{step}.ipynb", nbformat.writes(failed) + "\n")
        links = _data_docs(settings, private)
        files.write_text(private / f"{step}.html", pages.render_html(failed, f"{step} failed", links))
        now = clock.now().isoformat(timespec="seconds")
        promotion.promote(private, folder, {"run": now, "failed": step, "cause": cause})
    return folder / f"{step}.html"


def _data_docs(settings: Settings, folder: Path) -> list[tuple[str, str]]:
    """Write Data Docs there if the last audit failed; return the links to them."""
    try:
        if not any(audit.broken for audit in audits.latest(settings, 1)):
            return []
        data_docs.write(settings, folder / data_docs.FOLDER)
    except ValueError:  # a damaged audit: what failed is told all the same
        return []
    return [("Data Docs", f"{data_docs.FOLDER}/index.html")]


def marked(notebook: nbformat.NotebookNode, cause: str) -> nbformat.NotebookNode:
    """Return the notebook with its failure said at the top."""
    text = f"**This run failed here; nothing below is a result.**\n\n{indent(cause, '    ')}"
    mark = nbformat.v4.new_markdown_cell(text, id="failed")
    changed: nbformat.NotebookNode = nbformat.from_dict({**notebook, "cells": [mark, *notebook.cells]})
    return changed
