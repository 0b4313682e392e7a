"""What a command came to: of a report its answer in one line; of others what they changed."""

from datetime import date
from pathlib import Path

import pandas as pd

from akasa.ingest import staging
from akasa.kpis import results
from akasa.publish import differences
from akasa.publish.differences import Change
from akasa.publish.withdraw import Withdrawal
from akasa.report import formats, proof_file
from akasa.stores import database
from akasa.workspace.settings import Settings
from akasa.workspace.wording import counted

_ROWS = 5


def reported(settings: Settings, folder: Path) -> str:
    """Return the answer of a report in one line, from the files in its folder and the ledger."""
    return " · ".join([_orders(folder), _turned_away(settings), *_refused(settings), _proved(folder)])


def _orders(folder: Path) -> str:
    as_of = results.computed(folder)["sql"].as_of
    if as_of is None:
        return "no orders"
    day = f"{date.fromisoformat(as_of):%d %b %Y}".lstrip("0")
    months = results.read_result(folder, "sql", "monthly_trends")
    orders, paise = int(months["order_count"].sum()), int(months["total_revenue"].sum())
    return f"up to {day} · {counted(orders, 'order')} · {formats.indian(paise)}"


def _turned_away(settings: Settings) -> str:
    ledger = database.ledger(settings)
    rejected, records = (int(ledger[column].sum()) for column in ("rejected", "records"))
    where = f" ({settings.label(settings.quarantine)}/)" if rejected else ""
    return f"{formats.indian_count(rejected)} of {formats.indian_count(records)} turned away{where}"


def _refused(settings: Settings) -> list[str]:
    refused = len(staging.read_manifest(settings).refused)
    return [f"{counted(refused, 'file')} refused"] if refused else []


def _proved(folder: Path) -> str:
    proof = proof_file.read(folder)
    ties = sum(total["ties"] for total in proof["totals"])
    return f"{' = '.join(proof['engines'])}, {counted(ties, 'total')} tie{'s' if ties == 1 else ''}"


def backfilled(change: Change, dry_run: bool) -> str:
    """Return what a backfill changed, or would change: a row a month, customers, and orders left alone."""
    months = differences.monthly(change)
    totals = months.drop(columns="month").sum()
    shown = pd.concat([months, pd.DataFrame([{"month": "all", **totals}])], ignore_index=True)
    money = {name: shown[name].map(formats.indian) for name in ("revenue_before", "revenue_after")}
    parts = [shown.assign(**money).to_string(index=False)]
    if len(change.staying):
        rest = f" (first {_ROWS} of {len(change.staying):,})" if len(change.staying) > _ROWS else ""
        parts.append(
            f"left where they stand, for they would cross the range's border{rest}; a range with both days "
            f"takes them along:\n{change.staying.head(_ROWS).to_string(index=False)}"
        )
    customers = change.customers
    if len(customers.all):
        added, changed, removed = map(len, (customers.added, customers.changed, customers.removed))
        parts.append(f"customers: {added:,} added, {changed:,} changed, {removed:,} removed")
    if dry_run:
        parts.append("dry run: nothing was changed")
    elif len(change.orders.all) or len(customers.all):
        parts.append("published; `make report` computes the KPIs anew")
    else:
        parts.append("no row to change: the rules of today give what is published")
    return "\n\n".join(parts)


def withdrawn(withdrawal: Withdrawal, dry_run: bool) -> str:
    """Return what a withdrawal changed, or would change."""
    delivery, held, back = withdrawal.delivery, len(withdrawal.held), withdrawal.back
    return (
        f"{delivery.name}: {held:,} {delivery.kind} were its own; {back:,} go back to an earlier version, "
        f"{held - back:,} are removed\n"
        + ("dry run: nothing was changed" if dry_run else "withdrawn; `make report` computes the KPIs anew")
    )
