"""Text as fields of a CSV that any spreadsheet shows, and none runs as a formula."""

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

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


def restored(texts: pa.Array) -> pa.Array:
    """Return many texts as `restore` gives each."""
    return pc.replace_substring_regex(texts, rf"\A'({_FORMULA.pattern})", r"\1")


def csv(names: Sequence[str], columns: Sequence[pa.Array]) -> str:
    r"""Return a CSV with a header: every text of every column as `field` gives it, a line a row.

    >>> csv(["name", "what"], [pa.array(["Asha", "a, b"]), pa.array(["=1", "2"])])
    'name,what\nAsha,\'=1\n"a, b",2\n'
    """
    rows = pc.binary_join_element_wise(*map(_fields, columns), ",").to_pylist()
    return "".join(f"{line}\n" for line in (",".join(map(field, names)), *rows))


def _fields(texts: pa.Array) -> pa.Array:
    tamed = pc.replace_substring_regex(texts, rf"\A({_FORMULA.pattern})", r"'\1")
    special = pc.match_substring_regex(texts, _SPECIAL.pattern)
    if not pc.any(special).as_py():
        return tamed
    in_quotes = pc.binary_join_element_wise('"', pc.replace_substring(tamed, '"', '""'), '"', "")
    return pc.if_else(special, in_quotes, tamed)
