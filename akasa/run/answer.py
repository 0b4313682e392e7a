"""The last line of a report: its answer, from the files that it left, and the ledger."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

from akasa.run import terminal
from akasa.workspace import promotion
from akasa.workspace.settings import Settings
from akasa.workspace.wording import counted, indian, indian_count


def answer(settings: Settings, page: Path) -> str:
    """Return the answer of the report that is in place."""
    parts = [_orders(settings), _turned_away(settings), *_refused(settings), _proved(settings)]
    return f"{' · '.join(parts)} → {terminal.path(page)}"


def _orders(settings: Settings) -> str:
    as_of = (promotion.told(settings.output_dir) or {})["as_of"]
    if as_of is None:
        return "no orders"
    text = (settings.output_dir / "sql_monthly_trends.json").read_text("utf-8")
    months = json.loads(text, parse_float=Decimal)
    orders = sum(month["order_count"] for month in months)
    paise = int(100 * sum(month["total_revenue"] for month in months))
    day = f"{date.fromisoformat(as_of):%d %b %Y}".lstrip("0")
    return f"up to {day} · {counted(orders, 'order')} · {indian(paise)}"


def _turned_away(settings: Settings) -> str:
    from akasa.stores import database

    ledger = database.ledger(settings)
    rejected, records = (int(ledger[column].sum()) for column in ("rejected", "records"))
    where = f" ({terminal.path(settings.quarantine)}/)" if rejected else ""
    return f"{indian_count(rejected)} of {indian_count(records)} turned away{where}"


def _refused(settings: Settings) -> list[str]:
    found = json.loads((settings.staging / "manifest.json").read_text("utf-8"))
    refused = len(found["refused"])
    return [f"{counted(refused, 'file')} refused"] if refused else []


def _proved(settings: Settings) -> str:
    proof = json.loads((settings.output_dir / "proof.json").read_text("utf-8"))
    ties = sum(total["ties"] for total in proof["totals"])
    return f"{' = '.join(proof['engines'])}, {counted(ties, 'total')} tie{'s' if ties == 1 else ''}"
