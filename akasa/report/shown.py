"""The one place through which all that the page shows goes on its way out of the stores."""

import pandas as pd


def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of clean values as people may see it."""
    return frame


def raw(records: pd.DataFrame) -> pd.DataFrame:
    """Return records as they came, as people may see them."""
    return records


def text(given: str) -> str:
    """Return a text that somebody else wrote, a warning's or a refusal's, as people may see it."""
    return given
