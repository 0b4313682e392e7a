"""Data Docs: what Great Expectations found in every audit that is kept, and what it expects, as pages.

They are written anew from `audits`, the same for the same audits. Great Expectations' own pages load their
styles and scripts from the network, and are blank without it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from akasa.validate import audits
from akasa.validate.audits import SHOWN, Audit, Finding
from akasa.validate.suites import Check, suites
from akasa.workspace import files, page, wording
from akasa.workspace.settings import Settings

TEMPLATES = Path(__file__).parent / "templates"
FOLDER = "data_docs"
_MOST_NAMES = 3
# What a row of a table is called.
ROWS = {
    "customers": ("customer", "customers"),
    "orders": ("order", "orders"),
    "order_items": ("order line", "order lines"),
    "holdings": ("holding of a number", "holdings of numbers"),
    "deliveries": ("delivery", "deliveries"),
}


def write(settings: Settings, elsewhere: Path | None = None) -> None:
    """Write `data_docs/` to the output folder: a list, a page a validation, a page a suite.

    `elsewhere` is another folder for them, in which they stand without the report.
    """
    kept = audits.latest(settings)
    shown = [audits.masked(one) for one in kept] if settings.mask_pii else kept
    folder = elsewhere or settings.output_dir / FOLDER
    zone, every = ZoneInfo(settings.business_timezone), suites(settings)
    for name, html in pages(shown, zone, bool(elsewhere), every).items():
        files.write_text(folder / name, html)


def pages(
    kept: list[Audit],
    zone: ZoneInfo,
    alone: bool = False,
    every: Mapping[str, list[Check]] | None = None,
) -> dict[str, str]:
    """Return name → page; `kept` are the audits to be told, the latest first, `zone` that of their times.

    `alone` they have no links to the report. `every` suite has a page.
    """
    every = every or suites()
    of_suites = {
        suite_page(table): _rendered("suite", alone=alone, table=table, checks=checks)
        for table, checks in every.items()
    }
    of_validations = {
        validation_page(one, table): _rendered(
            "validation", alone=alone, audit=one.of(table), table=table, made=one.made.astimezone(zone)
        )
        for one in kept
        for table in one.rows
    }
    index = _rendered("index", alone=alone, kept=kept, zone=zone, suites=every, most=SHOWN)
    return {"index.html": index, **of_validations, **of_suites}


def validation_page(audit: Audit, table: str) -> str:
    """Return the address, within Data Docs, of what an audit says of a table."""
    return f"validations/{audit.number:06d}-{table}.html"


def suite_page(table: str) -> str:
    """Return the address, within Data Docs, of what is expected of a table."""
    return f"expectations/{table}.html"


def whose_rows(audit: Audit) -> str:
    """Say whose rows were audited."""
    if not audit.deliveries:
        return "all that is published"
    named, more = audit.deliveries[:_MOST_NAMES], len(audit.deliveries) - _MOST_NAMES
    return ", ".join(named) + (f" and {wording.counted(more, 'more', 'more')}" if more > 0 else "")


def rows_of(table: str, number: int) -> str:
    """Say how many rows of a table that is.

    >>> rows_of("orders", 1), rows_of("order_items", 1200)
    ('1 order', '1,200 order lines')
    """
    return wording.counted(number, *ROWS.get(table, ("row", "rows")))


def against(finding: Finding, rows: int) -> str:
    """Say how many rows are against an expectation."""
    if finding.error:
        return "not asked"
    if not finding.unexpected:
        return "none"
    return f"{wording.indian_count(finding.unexpected)} ({wording.percent(finding.unexpected, rows)})"


def _rendered(template: str, **values: Any) -> str:
    tools: dict[str, Any] = {
        "validation_page": validation_page,
        "suite_page": suite_page,
        "whose_rows": whose_rows,
        "rows_of": rows_of,
        "against": against,
        "counted": wording.counted,
    }
    return page.render(TEMPLATES, f"{template}.html.j2", **tools, **values)
