"""Mobile numbers as people may see them where MASK_PII asks for it: `98xxxxxx10`.

What is computed, compared and kept below DATA_DIR stays as it is.
"""

import itertools
import os
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from akasa.workspace import secrets, secrets_manager, settings

if TYPE_CHECKING:
    import pandas as pd

# What may stand between two digits: a space, dashes, brackets, invisible characters, Markdown's escapes.
_SPACE = r"[ \t\u00a0\u202f]?"
_NOISE = r"[-\u00ad\u2010-\u2015\u2212()\[\]{}\\\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]{1,2}"
_GAP = rf"{_SPACE}(?:{_NOISE}{_SPACE})?"
_PREFIX = rf"(?:(?:\+{_GAP}|00)?91{_GAP}(?:0{_GAP})?|0{_GAP})?"
_WHOLE = rf"[6-9](?:{_GAP}\d){{9}}|[6-9](?:\\?\.?\d){{9}}"  # a full stop alone may be a decimal point
_CUT = rf"[6-9](?:{_GAP}\d){{4,8}}(?=\.\.\.|…)"  # tables end long text so
_NUMBER = re.compile(rf"(?<!\d)(?<!\d\.){_PREFIX}(?:(?P<whole>{_WHOLE})(?!\d)|(?P<cut>{_CUT}))")
_LONG_RUN = re.compile(r"\d{7,}")
_DIGIT = re.compile(r"\d")


def text(given: str) -> str:
    """Return a text with the mobile numbers in it masked, in whatever accepted form they stand.

    >>> text("9876543210 called +91 98765-43211 about 7450.00")
    '98xxxxxx10 called 98xxxxxx11 about 7450.00'
    """
    return _NUMBER.sub(_masked, given)


def number(given: str) -> str:
    """Return what stands in a field for a mobile number, masked, be it one or not.

    >>> number("9876543210"), number("+91 98765 43210"), number("98765 4321"), number("12")
    ('98xxxxxx10', '98xxxxxx10', '98xxx xx21', '12')
    """
    known = text(given)
    return known if len(_DIGIT.findall(known)) <= 4 else _middle(known)


def raw(given: str) -> str:
    """Return a field of a record as it came: runs of seven digits and more are masked, too.

    >>> raw("987654321"), raw("2025-10-12"), raw("9876543210")
    ('98xxxxx21', '2025-10-12', '98xxxxxx10')
    """
    return _LONG_RUN.sub(lambda run: _middle(run[0]), text(given))


def table(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table whose mobile numbers are masked, wherever they stand in its text; types stay.

    >>> import pandas as pd
    >>> table(pd.DataFrame({"customer_name": ["Asha"], "mobile_number": ["9876543210"], "orders": [2]}))
      customer_name mobile_number  orders
    0          Asha    98xxxxxx10       2
    """
    return frame.assign(
        **{name: _each(frame[name], number if name == "mobile_number" else text) for name in _texts(frame)}
    )


def raw_table(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table of records as they came, masked; of the whole record under `raw`, every digit is."""
    ways = {"mobile_number": number, "raw": lambda whole: _DIGIT.sub("x", whole), "delivery": text}
    return frame.assign(**{name: _each(frame[name], ways.get(name, raw)) for name in _texts(frame)})


def output(content: Any) -> Any:
    """Return what a cell gave out, masked in all its texts; pictures are left, they are no text."""
    match content:
        case str():
            return text(content)
        case dict():
            return {name: part if _is_picture(name, part) else output(part) for name, part in content.items()}
        case list():
            return [output(part) for part in content]
    return content


def is_asked_for() -> bool:
    """Say whether MASK_PII is set, or whether settings cannot be read, so that nobody knows."""
    written = settings.env_file()
    try:
        text_of_file = written.read_bytes() if written.is_file() else b""
        return _is_set(*os.environ.items(), text_of_file, *secrets_manager.values().items())
    except (settings.SettingsError, OSError):
        return True


def shown(given: str) -> str:
    """Return a text as the console may show it: without secrets, numbers masked where asked for."""
    hidden = secrets.hide(given)
    return text(hidden) if is_asked_for() else hidden


@lru_cache(maxsize=1)
def _is_set(*_given: object) -> bool:
    """Read MASK_PII, and again once anything differs that settings are made of: a report asks 46 times."""
    return settings.load().mask_pii


def _masked(found: re.Match[str]) -> str:
    digits = _DIGIT.findall(found["whole"] or found["cut"])
    if found["cut"]:
        return "".join(digits[:2]) + "x" * (len(digits) - 2)
    return f"{digits[0]}{digits[1]}xxxxxx{digits[-2]}{digits[-1]}"


def _middle(given: str) -> str:
    """Mask all digits but the first two and the last two."""
    last = len(_DIGIT.findall(given)) - 2
    place = itertools.count()
    return _DIGIT.sub(lambda digit: "x" if 2 <= next(place) < last else digit[0], given)


def _texts(frame: "pd.DataFrame") -> list[str]:
    return [str(name) for name, kind in frame.dtypes.items() if kind in ("str", "object")]


def _each(column: "pd.Series[Any]", mask: Callable[[str], str]) -> "pd.Series[Any]":
    return column.map(lambda value: mask(value) if isinstance(value, str) else value).astype(column.dtype)


def _is_picture(name: Any, part: Any) -> bool:
    return isinstance(part, str) and str(name).startswith("image/") and name != "image/svg+xml"
