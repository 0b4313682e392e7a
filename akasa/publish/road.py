"""From judged deliveries to published tables: audit, commit to the database, level the warehouse."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from akasa.publish import database_load
from akasa.publish.level import Published, level_warehouse
from akasa.stores import warehouse
from akasa.validate.judging import Assessed
from akasa.workspace.settings import Settings


def to_audit(settings: Settings, tables: dict[str, pd.DataFrame], audit_all: bool) -> dict[str, pd.DataFrame]:
    """Return the tables to judge: the new rows; where there are none and `audit_all`, the published ones."""
    if audit_all and not any(len(frame) for frame in tables.values()):
        return {name: warehouse.read(settings, name) for name in tables}
    return tables


def commit(
    settings: Settings,
    assessed: Sequence[Assessed],
    tables: dict[str, pd.DataFrame],
    replace_all: bool = False,
) -> None:
    """Publish rows and ledger to the database in one transaction, then bring the warehouse level with it."""
    now = datetime.now(UTC).replace(tzinfo=None)
    rows = [_ledger_row(one, settings.amount_is, now) for one in assessed]
    months = database_load.publish(settings, tables, rows, replace_all) if rows else set[str]()
    level_warehouse(settings, Published({one.planned.delivery_id for one in assessed}, tables, months))


def _ledger_row(one: Assessed, amount_is: str, now: datetime) -> dict[str, Any]:
    planned, judged = one.planned, one.judged
    return {
        "sha256": planned.sha256,
        "delivery_id": planned.delivery_id,
        "position": planned.position,
        "name": planned.name,
        "kind": planned.kind,
        "amount_is": amount_is,
        "delivered_on": planned.delivered_on,
        "records": judged.records,
        "accepted": len(judged.accepted),
        "rejected": len(judged.rejected),
        "repeats": judged.repeats,
        "published_at": now,
    }
