"""How values are worded for people: rupees from paise, Indian digit groups."""

from collections.abc import Mapping
from html import escape

import pandas as pd
from IPython.display import HTML

from akasa.kpis.definitions import DEFINITIONS
from akasa.workspace import listing, masking
from akasa.workspace.listing import Listing
from akasa.workspace.wording import indian as indian
from akasa.workspace.wording import indian_count as indian_count
from akasa.workspace.wording import percent as percent

# The KPIs that notebooks tell in a section of their own.
TOLD = ("monthly_trends", "regional_revenue", "repeat_customers", "top_spenders")


def table(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a KPI's frame as people read it: money as `₹1,05,000.00`, dates as ISO text.

    Mobile numbers are masked where MASK_PII asks for it.
    """
    frame = masking.table(frame) if masking.is_asked_for() else frame
    kinds = DEFINITIONS[name].columns
    money = {c: frame[c].map(indian).astype("str") for c, kind in kinds.items() if kind == "paise"}
    dates = {c: frame[c].dt.strftime("%Y-%m-%d") for c, kind in kinds.items() if kind == "date"}
    return Listing(frame.assign(**money, **dates))


def others(frames: Mapping[str, pd.DataFrame]) -> HTML:
    """Show the tables of the KPIs that have no section of their own, or say that there are none."""
    shown = [
        f"<h3>{kpi.replace('_', ' ')}</h3><p>Each row: {escape(DEFINITIONS[kpi].row)}.</p>"
        f"{listing.html(table(kpi, frame))}"
        for kpi, frame in frames.items()
        if kpi not in TOLD
    ]
    return HTML("".join(shown) or "<p>None: the four above are all.</p>")
