"""Who holds what: the versions that deliveries published, and those that stand where they are left out."""

import sys
from collections.abc import Mapping, Sequence

import pandas as pd

from akasa.stores import database, models
from akasa.stores.models import CUSTOMERS, HOLDINGS
from akasa.validate import judging
from akasa.validate import plan as planning
from akasa.validate.plan import Planned
from akasa.validate.rules import Parted
from akasa.validate.verdicts import Judged
from akasa.workspace.settings import Settings
from akasa.workspace.tables import CUSTOMER_ROW, KEYS, line_types

_LINES = """
select orders.order_id, orders.mobile_number, orders.order_date_time, orders.order_date,
    order_items.sku_id, order_items.sku_count,
    coalesce(order_items.amount_paise, orders.total_amount_paise) as total_amount_paise
from orders join order_items on order_items.order_id = orders.order_id
where orders.delivery_id = :delivery_id
"""


def held_by(settings: Settings, delivery: Planned) -> "pd.Series[str]":
    """Return the ids of the customers or orders whose published version is a delivery's."""
    key = KEYS[delivery.kind][0]
    found = database.query(
        f"select {key} from {delivery.kind} where delivery_id = :delivery_id",
        settings,
        delivery_id=delivery.delivery_id,
    )
    return found[key].astype("str")


def going_back(settings: Settings, delivery: Planned) -> int:
    """Return how many customers or orders go back to a delivery that comes again, behind what replaced it."""
    table, key = models.METADATA.tables[delivery.kind], KEYS[delivery.kind][0]
    ids = as_published(settings, delivery).records.accepted[key].unique().tolist()
    rows = database.rows_of(settings, table.c[key], ids).to_pandas()
    places = database.ledger(settings).set_index("delivery_id")["position"]
    is_other = rows["delivery_id"] != delivery.delivery_id
    return int((is_other & (rows["delivery_id"].map(places) < delivery.position)).sum())


def without(
    settings: Settings, leaving: Sequence[Planned], places: Mapping[str, tuple[str, str]] | None = None
) -> list[Judged]:
    """Return what other published deliveries say of the ids that some hold, as they were judged.

    `places` maps the sha256 of some to the name and position that they have now.
    """
    ledger = database.ledger(settings)
    for sha256, (name, position) in (places or {}).items():
        ledger.loc[ledger["sha256"] == sha256, ["name", "position"]] = name, position
    staying = ledger[~ledger["sha256"].isin([one.sha256 for one in leaving])]
    found = []
    for kind in {one.kind for one in leaving}:
        ids = pd.concat([held_by(settings, one) for one in leaving if one.kind == kind])
        rows = staying[staying["kind"] == kind].itertuples() if len(ids) else ()
        found += [as_published(settings, planning.of_ledger(row)).only(ids) for row in rows]
    return found


def as_published(settings: Settings, delivery: Planned) -> Judged:
    """Return a published delivery as it was judged; else what is published of it, and a warning says so."""
    try:
        return judging.as_published(settings, delivery)
    except FileNotFoundError:
        # stderr: the notebook shows it in its place, the console that runs the notebook repeats it
        print(
            f"warning: what {delivery.name} was judged to be is no longer kept, nor are its records: "
            "what is published of it counts",
            file=sys.stderr,
        )
        return Judged(delivery, Parted(_published(settings, delivery), pd.DataFrame(), 0, {}), None)


def _published(settings: Settings, delivery: Planned) -> pd.DataFrame:
    """Return what is left of a delivery's accepted rows.

    Of customers that have a later version, the number that they claimed with it.
    """
    if delivery.kind == "orders":
        return database.query(_LINES, settings, delivery_id=delivery.delivery_id).astype(line_types())
    seen = planning.seen(database.sightings(settings))
    places = [one.position for one in seen if one.sha256 == delivery.sha256]
    claims = database.rows(settings, "holdings", HOLDINGS.c.position.in_(places)).to_pandas()
    last = database.rows(settings, "customers", CUSTOMERS.c.delivery_id == delivery.delivery_id).to_pandas()
    others = claims[~claims["customer_id"].isin(last["customer_id"])].drop_duplicates("customer_id")
    now = database.rows_of(settings, CUSTOMERS.c.customer_id, others["customer_id"].tolist()).to_pandas()
    then = now.drop(columns="mobile_number").merge(others[["customer_id", "mobile_number"]], on="customer_id")
    return pd.concat([last, then])[list(CUSTOMER_ROW)].astype("str").reset_index(drop=True)
