"""The one place through which all that the page shows goes on its way out of the stores.

Mobile numbers are masked there where MASK_PII asks for it.
"""

from typing import Any

import pandas as pd

from akasa.trace import words
from akasa.trace.answer import Answer
from akasa.validate import audits, profiles
from akasa.validate.audits import Audit
from akasa.validate.profiling import Profile
from akasa.workspace import masking


def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of clean values as people may see it."""
    return masking.table(frame) if masking.is_asked_for() else frame


def raw(records: pd.DataFrame) -> pd.DataFrame:
    """Return records as they came, as people may see them."""
    return masking.raw_table(records) if masking.is_asked_for() else records


def text(given: str) -> str:
    """Return a text that somebody else wrote, a warning's or a refusal's, as people may see it."""
    return masking.text(given) if masking.is_asked_for() else given


def audit(found: Audit) -> Audit:
    """Return an audit as people may see it."""
    return audits.masked(found) if masking.is_asked_for() else found


def answer(told: Answer) -> Answer:
    """Return an explanation as people may see it."""
    masked: Answer = words.masked(told) if masking.is_asked_for() else told
    return masked


def profile(found: Profile) -> Profile:
    """Return a delivery's profile as people may see it."""
    return profiles.masked(found) if masking.is_asked_for() else found


def told(content: Any) -> Any:
    """Return what is told, lists and mappings of texts, as people may see it."""
    return masking.output(content) if masking.is_asked_for() else content
