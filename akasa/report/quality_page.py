"""The page `data_quality.html`, and for programs `data_quality.json` (docs/data_quality.schema.json)."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from akasa.report import unlike
from akasa.report.quality import Looked, Quality
from akasa.validate.drift import Drift, Usual
from akasa.workspace import page
from akasa.workspace.wording import counted, indian_count, percent

NAME = "data_quality"
TEMPLATES = Path(__file__).parent / "templates" / "quality"
TITLES = {"customers": "Customers", "orders": "Order lines"}


def html(quality: Quality, by_hand: bool = False) -> str:
    """Return the page."""
    return page.render(
        TEMPLATES,
        "page.html.j2",
        (TEMPLATES / "quality.css").read_text("utf-8"),
        quality=quality,
        titles=TITLES,
        by_hand=by_hand,
        unlike=unlike,
        usual=usual,
        share=share,
        counted=counted,
        value=value,
        capital=capital,
    )


def usual(found: Usual | None) -> str:
    """Return what is usual, as a cell has it.

    >>> usual(Usual(0.0, 1849.5, 4, weekday=True)), usual(None)
    ('0 to 1,849', '–')
    """
    return f"{indian_count(-int(-found.least // 1))} to {indian_count(int(found.most))}" if found else "–"


def share(part: int, whole: int) -> str:
    return percent(part, whole) if whole else "–"


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def value(column: str, text: str | None) -> str:
    """Return a clean value as people read it.

    >>> value("total_amount", "8930.00"), value("order_date_time", "2025-10-12T09:15:32")
    ('₹8,930.00', '2025-10-12 09:15:32')
    """
    if text is None:
        return "–"
    if column == "total_amount" and text.replace(".", "").isdigit():
        rupees, _, paise = text.partition(".")
        return f"₹{indian_count(int(rupees))}.{paise}"
    return text.replace("T", " ") if column == "order_date_time" else text


def told(quality: Quality) -> str:
    """Return what the page tells, and more of it, as JSON."""
    found = [_delivery(one) for looked in quality.looked.values() for one in looked]
    return json.dumps({"deliveries": found}, indent=1, ensure_ascii=False) + "\n"


def _delivery(one: Looked) -> dict[str, Any]:
    found, profile = one.delivered, one.delivered.profile
    return {
        "kind": found.kind,
        "name": found.name,
        "sha256": found.sha256,
        "day": found.day.isoformat() if found.day else None,
        "published_last": one.is_new,
        "compared_with": len(one.before),
        **{name: getattr(found, name) for name in ("records", "rejected", "orders", "unmatched")},
        "usual_records": _usual(one.usual),
        "malformed": profile.malformed if profile else None,
        "columns": {name: asdict(column) for name, column in profile.columns.items()} if profile else None,
        "regions": dict(profile.regions) if profile else None,
        "unlike_before": [_drift(each) for each in one.drifts],
    }


def _drift(one: Drift) -> dict[str, Any]:
    return {
        "what": one.what,
        "column": one.column or None,
        "value": one.value or None,
        "count": one.count,
        "whole": one.whole,
        "usual": _usual(one.usual),
        "words": unlike.sentence(one),
    }


def _usual(found: Usual | None) -> dict[str, Any] | None:
    return (
        {"least": found.least, "most": found.most, "of": found.of, "weekday": found.weekday}
        if found
        else None
    )
