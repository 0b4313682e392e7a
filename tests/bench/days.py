"""Publishing one day of 10,000 orders, onto few orders and onto many: all that 02_validate does with it."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from akasa.ingest import deliveries, staging
from akasa.publish import database_load, level, road
from akasa.stores import database, migrate, soundness
from akasa.workspace.settings import Settings
from akasa.workspace.tables import FIRST_DAY as FROM_EVER
from akasa.workspace.tables import frame_types
from bench import loads
from bench.harness import Clock, race

DAY_ORDERS, DAY_CUSTOMERS = 10_000, 1_000
A_DELIVERY = 1_000_000
FIRST_DAY, DAYS = date(2025, 1, 1), 314


def measure(folder: Path, few: int, many: int, runs: int) -> list[dict[str, Any]]:
    """Return the rows of `harness.race`: the same days onto `few` orders, and onto `many`."""
    for name, orders in (("few", few), ("many", many)):
        prepare(folder / name, orders)
    contenders = {f"a day onto {few:,} orders": onto_few, f"a day onto {many:,} orders": onto_many}
    return race(contenders, (folder,), runs, DAY_ORDERS)


def onto_few(clock: Clock, folder: Path) -> int:
    return _publish_a_day(clock, folder / "few")


def onto_many(clock: Clock, folder: Path) -> int:
    return _publish_a_day(clock, folder / "many")


def prepare(folder: Path, orders: int) -> None:
    """Publish so many orders, one item each, over DAYS days, and a tenth as many customers.

    Deliveries have a million orders; the days to be measured fall into a month that holds orders already.
    """
    settings = _settings(folder)
    migrate.upgrade(settings)
    customers = _customers(0, orders // 10)
    for number, first in enumerate(range(0, orders, A_DELIVERY), start=1):
        rows = _history(first, min(A_DELIVERY, orders - first), orders).assign(delivery_id=number)
        items = rows[["order_id", "delivery_id"]].assign(sku_id="SKU-1", sku_count=1, amount_paise=pd.NA)
        items = items.astype({"amount_paise": "Int64", "sku_id": "str"})
        tables = {
            "customers": customers,
            "orders": rows,
            "order_items": items,
            "holdings": _holdings(customers),
        }
        known = {"name": "orders.xml", "kind": "orders", "sha256": f"{number:064d}"}
        position = deliveries.position_of("orders.xml", "orders", number)
        entry = {**known, "delivery_id": number, "position": position, "accepted": len(items)}
        seen = {**known, "revision": number, "day": loads.LEDGER["delivered_on"], "withdrawn": 0}
        months = database_load.merge(settings, tables, [{**loads.LEDGER, **entry}], [seen])
        level.level_warehouse(settings, level.Published({number}, tables, months))
        customers = customers[:0]
    soundness.note(settings)  # it was filled by nobody's run


def _history(first: int, number: int, orders: int) -> pd.DataFrame:
    seconds = np.arange(first, first + number) * (DAYS * 86_400) // orders
    when = np.datetime64(FIRST_DAY, "us") + seconds * 1_000_000
    day = when.astype("datetime64[D]").astype("datetime64[s]")
    return loads.orders(number, first).assign(order_date_time=when, order_date=day)


def _publish_a_day(clock: Clock, folder: Path) -> int:
    """Deliver the next day, then time its way to the published tables; return how many days there are."""
    import great_expectations  # noqa: F401

    settings = _settings(folder)
    day = sum(database.ledger(settings)["kind"] == "customers")
    _deliver(settings.incoming, day)
    staging.stage_all(settings)
    with clock:
        road.publish(settings)
    accepted = database.ledger(settings).set_index("delivered_on")["accepted"][str(_date(day))]
    assert sorted(accepted) == sorted([2 * DAY_ORDERS, DAY_CUSTOMERS])
    return day


def _deliver(incoming: Path, number: int) -> None:
    """Write a day's files: new orders, of two lines each, and customers, half of them known before."""
    incoming.mkdir(parents=True, exist_ok=True)
    day = _date(number)
    customers = _customers(DAY_CUSTOMERS * number // 2, DAY_CUSTOMERS).drop(columns="delivery_id")
    customers.to_csv(incoming / f"customers_{day}.csv", index=False)
    lines = (
        f"<order><order_id>ORD-{day}-{n:05d}</order_id><mobile_number>{9_000_000_000 + n}</mobile_number>"
        f"<order_date_time>{day}T10:11:12</order_date_time><sku_id>SKU-{sku}</sku_id>"
        f"<sku_count>1</sku_count><total_amount>{n}.50</total_amount></order>\n"
        for n in range(DAY_ORDERS)
        for sku in (1, 2)
    )
    (incoming / f"orders_{day}.xml").write_text(f"<orders>\n{''.join(lines)}</orders>\n", "utf-8")


def _date(number: int) -> date:
    return FIRST_DAY + timedelta(days=DAYS + number)


def _customers(first: int, number: int) -> pd.DataFrame:
    numbers = pd.RangeIndex(first, first + number)
    frame = pd.DataFrame({"customer_id": [f"CUST-{n:08d}" for n in numbers]}, dtype="str")
    mobiles = pd.Series([str(9_000_000_000 + n) for n in numbers], dtype="str")
    return frame.assign(customer_name="Asha Rao", mobile_number=mobiles, region="North", delivery_id=1)


def _holdings(customers: pd.DataFrame) -> pd.DataFrame:
    """Return each customer's own number, from ever."""
    columns = {"from_day": FROM_EVER, "until_day": pd.NaT, "position": "0\t000001"}
    return customers[["mobile_number", "customer_id"]].assign(**columns).astype(frame_types("holdings"))


def _settings(folder: Path) -> Settings:
    return Settings(data_dir=folder / "data", output_dir=folder / "outputs")
