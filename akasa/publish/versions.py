"""Of each customer and each order, the version of the latest delivery."""

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa

from akasa.publish.warehouse_merge import beside
from akasa.validate import rules
from akasa.validate.judging import Assessed

EMPTY = {
    "customers": {"customer_id": "str", "customer_name": "str", "mobile_number": "str", "region": "str"},
    "orders": {
        "order_id": "str",
        "mobile_number": "str",
        "order_date_time": "datetime64[us]",
        "order_date": "datetime64[s]",
        "total_amount_paise": "int64",
    },
    "order_items": {"order_id": "str", "sku_id": "str", "sku_count": "int64", "amount_paise": "Int64"},
}


def latest(assessed: Sequence[Assessed], amount_is: str) -> dict[str, pd.DataFrame]:
    """Return customers, orders and order_items: of each customer and order the latest delivery's version."""
    in_order = sorted(assessed, key=lambda one: one.planned.position)
    customers = [_of(one, one.judged.accepted) for one in in_order if one.planned.kind == "customers"]
    lines = [one for one in in_order if one.planned.kind == "orders"]
    orders = [_of(one, rules.orders_of(one.judged.accepted, amount_is)) for one in lines]
    items = [_of(one, rules.items_of(one.judged.accepted, amount_is)) for one in lines]
    kept = _last(orders, EMPTY["orders"], "order_id")
    all_items = _stack(items, EMPTY["order_items"])
    if len(items) > 1:
        winners = beside(all_items["order_id"], kept["order_id"], kept["delivery_id"])
        all_items = all_items[winners == all_items["delivery_id"]].reset_index(drop=True)
    return {
        "customers": _last(customers, EMPTY["customers"], "customer_id"),
        "orders": kept,
        "order_items": all_items,
    }


def typed(name: str, rows: pa.Table) -> pd.DataFrame:
    """Return a table's rows as the frame that `latest` gives."""
    frame = rows.to_pandas(date_as_object=False, types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame.astype({**EMPTY[name], "delivery_id": "int64"})


def _of(one: Assessed, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(delivery_id=one.planned.delivery_id)


def _last(frames: Sequence[pd.DataFrame], empty: dict[str, str], key: str) -> pd.DataFrame:
    rows = _stack(frames, empty)
    return rows.drop_duplicates(key, keep="last", ignore_index=True) if len(frames) > 1 else rows


def _stack(frames: Sequence[pd.DataFrame], empty: dict[str, str]) -> pd.DataFrame:
    types = {**empty, "delivery_id": "int64"}
    nothing = pd.DataFrame(columns=list(types))
    return pd.concat(frames or [nothing], ignore_index=True).astype(types)
