"""Text as fields of a CSV that any spreadsheet shows, and none runs as a formula."""

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_SPECIAL = re.compile(r'[",\n\r]')


def field(text: str) -> str:
    """Return text as a CSV field, quoted where it has to be.

    >>> field("Asha"), field("=1+1"), field("a, b")
    ('Asha', "'=1+1", '"a, b"')
    """
    # Python 3.11's csv writer leaves a lone carriage return unquoted.
    return quoted(text) if _SPECIAL.search(text) else neutralise(text)


def quoted(text: str) -> str:
    """Return text as a quoted CSV field: a blank one is told from one that is absent."""
    return '"' + neutralise(text).replace('"', '""') + '"'


def neutralise(text: str) -> str:
    """Return text that no spreadsheet runs as a formula; `restore` gives the original back.

    >>> neutralise("=1+1"), neutralise("'=x"), neutralise("Asha")
    ("'=1+1", "''=x", 'Asha')
    """
    return f"'{text}" if _FORMULA.match(text) else text


def restore(text: str) -> str:
    """Return the text that `neutralise` was given.

    >>> restore("'=1+1"), restore("'Asha'")
    ('=1+1', "'Asha'")
    """
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
