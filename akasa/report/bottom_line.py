"""What the report says beyond the KPIs: its bottom line, what was turned away, whose number changed hands."""

from collections.abc import Mapping
from datetime import date

import pandas as pd
import pyarrow as pa

from akasa.kpis.definitions import UNMATCHED
from akasa.kpis.reconcile import Proof
from akasa.report import formats, of_orders
from akasa.stores import database, warehouse
from akasa.validate import quarantine
from akasa.workspace import masking
from akasa.workspace.listing import Listing
from akasa.workspace.settings import Settings

_TAKEN_OVER = """
select taken.mobile_number, former.customer_id as held_by, taken.customer_id as taken_over_by,
    taken.from_day as from_day
from holdings as taken
join holdings as former
    on former.mobile_number = taken.mobile_number and former.until_day = taken.from_day
order by taken.from_day desc, taken.mobile_number
"""


def answers(settings: Settings, proof: Proof, refused: int) -> pd.DataFrame:
    """Return the numbers that a manager asks for first, one a row: question, answer.

    `refused` is how many files were refused.
    """
    orders, paise = database.orders_up_to(settings, proof.as_of)
    customers = int(database.query("select count(*) as n from customers", settings)["n"][0])
    ledger = database.ledger(settings)
    records, rejected = int(ledger["records"].sum()), int(ledger["rejected"].sum())
    files = f", {refused} of the delivered files refused" if refused else ""
    rows = {
        "Up to": proof.as_of.strftime("%d %B %Y") if proof.as_of else "no orders yet",
        "Customers": formats.indian_count(customers),
        "Orders": formats.indian_count(orders),
        "Revenue": formats.indian(paise),
        "Repeat customers": _repeat_share(proof.results["sql"]),
        "Turned away": f"{formats.indian_count(rejected)} of {formats.indian_count(records)} records{files}",
        "Engines agree": f"{'yes' if proof.holds else 'NO'} ({', '.join(proof.results)})",
    }
    return Listing({"question": rows.keys(), "answer": rows.values()})


def quarantined(settings: Settings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the ledger's counts by delivery, and its rejected records by reason."""
    ledger = database.ledger(settings)
    counts = Listing(ledger[["name", "records", "accepted", "rejected", "repeats"]])
    files = [
        quarantine.path(settings.quarantine, row.name, row.sha256) for row in ledger.itertuples(index=False)
    ]
    return counts, quarantine.by_reason(quarantine.reasons(files))


def unmatched_orders(settings: Settings, as_of: date | None) -> pd.DataFrame:
    """Return orders up to `as_of` of unknown numbers: order_id, mobile_number, order_date, total."""
    columns = ["order_id", "mobile_number", "order_date", "total_amount_paise"]
    chosen = warehouse.up_to(as_of) & of_orders.loose(settings)
    found = warehouse.select(settings, "orders", columns, chosen).sort_by("order_id")
    found = found.set_column(2, "order_date", found["order_date"].cast(pa.string())).to_pandas()
    found = found.assign(total=found.pop("total_amount_paise").map(formats.indian).astype("str"))
    return Listing(masking.table(found) if settings.mask_pii else found)


def changed_hands(settings: Settings) -> pd.DataFrame:
    """Return who took over a number from whom, the latest first.

    Columns: mobile_number, held_by, taken_over_by, from_day (the first day of the new holder).
    """
    found = database.query(_TAKEN_OVER, settings)
    return Listing(masking.table(found) if settings.mask_pii else found)


def _repeat_share(results: Mapping[str, pd.DataFrame]) -> str:
    """Say how many of the known customers with an order have more than one."""
    repeat, regions = len(results["repeat_customers"]), results["regional_revenue"]
    buyers = int(regions["customer_count"][regions["region"] != UNMATCHED].sum())
    if not buyers:
        return "none has ordered yet"
    of = f"{formats.indian_count(repeat)} of {formats.indian_count(buyers)} who ordered"
    return f"{of} ({formats.percent(repeat, buyers)})"
