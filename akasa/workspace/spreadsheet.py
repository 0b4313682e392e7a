"""Text that a spreadsheet shows and never runs, and fields of CSV."""

import re

FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


def neutralise(text: str) -> str:
    """Return text that no spreadsheet runs as a formula; `restore` gives the original back.

    >>> neutralise("=1+1"), neutralise("'=x"), neutralise("Asha")
    ("'=1+1", "''=x", 'Asha')
    """
    return f"'{text}" if FORMULA.match(text) else text


def restore(text: str) -> str:
    """Return the text that `neutralise` was given.

    >>> restore("'=1+1"), restore("'Asha'")
    ('=1+1', "'Asha'")
    """
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text
