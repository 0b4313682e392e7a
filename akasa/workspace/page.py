"""A page in the look that all pages share: one file that opens from disk, asks for nothing, and lets no
script run but its own.
"""

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from akasa.workspace import wording

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
_LONG = re.compile(r"[^ ]{13,}")
_SEPARATOR = re.compile(r"[-/_,](?=.)")
_UNBROKEN = re.compile(r"[^\0]{12}(?=[^\0]{4})")
_BREAK = "\0"  # no text of ours holds it


def render(folder: Path, template: str, style: str = "", **values: Any) -> str:
    """Return the page of a template in a folder, which extends `base.html.j2`; `style` is CSS of its own."""
    script = (TEMPLATES / "base.js").read_text("utf-8")
    return (
        _environment(folder)
        .get_template(template)
        .render(
            style=Markup((TEMPLATES / "base.css").read_text("utf-8") + style),
            script=Markup(script),
            digest=b64encode(sha256(script.encode()).digest()).decode(),
            **values,
        )
    )


@cache
def _environment(folder: Path) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["day"] = wording.day
    environment.filters["moment"] = wording.moment
    environment.filters["count"] = wording.indian_count
    environment.filters["breakable"] = breakable
    environment.filters["tied"] = tied
    environment.filters["signed"] = signed
    return environment


def breakable(text: str) -> Markup:
    """Return text as HTML that may go on in the next line within what is long and has no space.

    >>> breakable("incoming/orders_2025.xml")
    Markup('incoming/<wbr>orders_<wbr>2025.xml')
    """
    return Markup("<wbr>").join(_LONG.sub(_with_breaks, text).split(_BREAK))


def _with_breaks(word: re.Match[str]) -> str:
    """Put a mark behind each separator in a long word, and into what has none for twelve characters."""
    return _UNBROKEN.sub(rf"\g<0>{_BREAK}", _SEPARATOR.sub(rf"\g<0>{_BREAK}", word[0]))


def tied(text: str) -> str:
    """Return a sentence in which no number stands apart from its percent sign."""
    return text.replace(" %", "\u00a0%")


def signed(text: str) -> str:
    """Return a sentence in which no amount stands apart from its sign."""
    return text.replace("−₹", "−\u2060₹").replace("+₹", "+\u2060₹")
