"""The question before a publish: does a delivery replace too much of what earlier ones brought?"""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal

import pandas as pd

from akasa.publish import versions
from akasa.publish.differences import Tables, between
from akasa.stores import database
from akasa.stores.models import ORDER_ITEMS, ORDERS
from akasa.validate.gate import GateStopped
from akasa.validate.verdicts import Judged
from akasa.workspace.settings import Settings
from akasa.workspace.wording import counted

MOST_NAMED = 5


def require_few_replaced(settings: Settings, judged: Sequence[Judged]) -> None:
    """Raise GateStopped for new deliveries that replace more than MAX_REPLACED_RATIO of their orders.

    That is the share of a delivery's orders that an earlier delivery brought with another value, or other
    items. What comes again as it was does not count. At 1, the default, nothing is looked up: a delivery of
    corrections replaces all of its orders, and rightly so.
    """
    allowed = Decimal(str(settings.max_replaced_ratio))
    orders = sorted(
        (one for one in judged if one.delivery.kind == "orders"), key=lambda one: one.delivery.position
    )
    broken = []
    for place, one in enumerate(orders if allowed < 1 else ()):
        own = versions.latest([one], settings.amount_is)
        if one.delivery.status == "new" and len(own["orders"]):
            ids = replaced(settings, one, own, orders[:place])
            if len(ids) > allowed * len(own["orders"]):
                broken.append((one.delivery.name, sorted(ids), len(own["orders"])))
    if broken:
        raise GateStopped(_message(broken, settings.max_replaced_ratio))


def replaced(settings: Settings, one: Judged, own: Tables, earlier: Sequence[Judged]) -> list[str]:
    """Return the orders of a delivery that the one before it to bring them brought otherwise.

    `own` are its orders and items, `earlier` the deliveries before it that are to be published with it.
    """
    ids = own["orders"]["order_id"]
    ledger = database.ledger(settings)
    places = dict(zip(ledger["delivery_id"], ledger["position"], strict=True))
    places |= {other.delivery.delivery_id: other.delivery.position for other in earlier}
    beside = versions.latest([other.only(ids) for other in earlier], settings.amount_is)
    there = {
        "orders": database.rows_of(settings, ORDERS.c.order_id, ids.tolist()),
        "order_items": database.rows_of(settings, ORDER_ITEMS.c.order_id, ids.tolist()),
    }
    before = {}
    for name, rows in there.items():
        both = pd.concat([versions.typed(name, rows), beside[name]], ignore_index=True)
        before[name] = both.assign(place=both["delivery_id"].map(places).astype("str"))
    stood = before["orders"][before["orders"]["place"] < one.delivery.position]
    stood = stood.sort_values("place").drop_duplicates("order_id", keep="last")
    items = before["order_items"].merge(stood[["order_id", "delivery_id"]])
    then = {"orders": stood, "order_items": items}
    # Which delivery brings it is no difference.
    sides = [{name: rows.assign(delivery_id=0) for name, rows in side.items()} for side in (then, own)]
    found: list[str] = between(sides[0], sides[1], "orders", "order_items").changed.tolist()
    return found


def _message(broken: Sequence[tuple[str, list[str], int]], allowed: float) -> str:
    told = [
        f"{name}: {counted(len(ids), 'order')} of {count:,} replace what earlier deliveries brought "
        f"({len(ids) / count:.1%}, more than {allowed:.1%}): {_some(ids)}"
        for name, ids, count in broken
    ]
    enough = max(Decimal(len(ids)) / count for _, ids, count in broken)
    return (
        f"{'; '.join(told)}. Nothing was published. Where numbers start again, as with a new year, have the "
        "orders delivered under numbers of their own; or set "
        f"MAX_REPLACED_RATIO={enough.quantize(Decimal('0.01'), ROUND_CEILING)} to let it through."
    )


def _some(ids: list[str]) -> str:
    more = len(ids) - MOST_NAMED
    return ", ".join(ids[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
