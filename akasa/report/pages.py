"""An executed notebook as one self-contained web page."""

from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from nbformat import NotebookNode

if TYPE_CHECKING:
    from nbconvert import HTMLExporter

TEMPLATES = Path(__file__).parent / "templates"
SHOWN = ["text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/plain"]


def render_html(notebook: NotebookNode, title: str, links: Sequence[tuple[str, str]] = ()) -> str:
    """Return the notebook's page, its code folded away; `links` are (text, relative address) for the top.

    The page loads nothing from anywhere, and its policy lets no script run but ours, whatever the
    outputs hold.
    """
    script = (TEMPLATES / "akasa" / "toggle.js").read_text(encoding="utf-8")
    digest = b64encode(sha256(script.encode()).digest()).decode()
    page = {"title": title, "links": links, "script": script, "digest": digest}
    html, _ = _exporter().from_notebook_node(notebook, resources={"page": page})
    return str(html)


@cache
def _exporter() -> "HTMLExporter":
    """Return what renders: one for all pages, for it takes longer to make than a page."""
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    return HTMLExporter(
        template_name="akasa",
        extra_template_basedirs=[str(TEMPLATES)],
        config=Config({"NbConvertBase": {"display_data_priority": SHOWN}}),
    )
