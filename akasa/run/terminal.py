"""What a console can show: whether a line can be redrawn, whether it has colours, and our letters."""

import os
import re
import sys
from pathlib import Path
from typing import TextIO

import click

from akasa.workspace import masking

_PLAIN = str.maketrans({"₹": "Rs. ", "→": "->", "·": "|", "…": "..."})
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CLEAR = "\r\033[K"
_CUT_AT_THE_EDGE = "\033[?7l{}\033[?7h"  # wide letters, too: a line that went on below could not be cleared


def redraws(stream: TextIO) -> bool:
    """Whether a line that was shown there can be shown anew."""
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def say(stream: TextIO, *parts: str | tuple[str, str]) -> None:
    """Print a line at once, as `shown`; a part may be (text, colour), where the console has colours."""
    has_colours = redraws(stream) and not os.environ.get("NO_COLOR")
    texts = [(part, None) if isinstance(part, str) else part for part in parts]
    line = "".join(
        click.style(shown(text, stream), fg=colour) if colour and has_colours else shown(text, stream)
        for text, colour in texts
    )
    print(line, file=stream, flush=True)


def shown(text: str, stream: TextIO) -> str:
    """Return a text without secrets, numbers masked where asked for, that moves no cursor.

    Where the console lacks one of its letters, `₹`, `→`, `·` and `…` are replaced.
    """
    safe = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", masking.shown(text))
    try:
        safe.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return safe.translate(_PLAIN)
    return safe


def path(there: Path) -> str:
    """Return a path as it can be opened from here: relative where it lies below this folder."""
    here = Path.cwd()
    return str(there.relative_to(here) if there.is_relative_to(here) else there)


class Line:
    """One line on stderr that is shown anew in place; nothing where that cannot be."""

    def __init__(self) -> None:
        self.live = redraws(sys.stderr)

    def show(self, text: str) -> None:
        if self.live:
            one_line = shown(text.replace("\n", " "), sys.stderr)[: _columns()]
            self._write(_CLEAR + _CUT_AT_THE_EDGE.format(one_line))

    def clear(self) -> None:
        if self.live:
            self._write(_CLEAR)

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


def _columns() -> int:
    return os.get_terminal_size(sys.stderr.fileno()).columns or 80
