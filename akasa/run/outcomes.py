"""What a backfill or a withdrawal came to: what it changed, or would change."""

import pandas as pd

from akasa.publish import differences
from akasa.publish.differences import Change
from akasa.publish.withdraw import Withdrawal
from akasa.report import formats

_ROWS = 5


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
