"""The story of one thing in time: an order's versions, a customer's rows and numbers, a number's holders."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from akasa.ingest import deliveries
from akasa.kpis.results import rupees
from akasa.stores import database
from akasa.stores.models import ORDERS
from akasa.trace import claims, parts, plain, words
from akasa.trace.answer import Answer
from akasa.trace.claims import Claims, because
from akasa.trace.delivered import Delivery, Workspace
from akasa.trace.question import NotAsked
from akasa.trace.records import Record
from akasa.trace.staged import among
from akasa.validate.plan import Sighting
from akasa.workspace.settings import Settings
from akasa.workspace.wording import counted

THINGS = ("order", "customer", "number")
_KEYS = {"order": ("orders", "order_id"), "customer": ("customers", "customer_id")}
MOST_ORDERS = 50


def tell(settings: Settings, thing: str, name: str) -> Answer:
    """Return the story of an order, a customer or a number.

    `events` are its records in the order of deliveries, each with what became of it; `holdings` who held the
    numbers in question; `orders` the published ones, with whose they are. Raises NotAsked where no delivery
    has it.
    """
    look = Workspace(settings)
    wanted = plain.mobile(name) if thing == "number" else plain.identifier(name)
    known = _claims(look, thing, wanted)
    orders, events = _orders(look, thing, wanted, known), [*_events(look, thing, wanted)]
    if not events and not orders:
        raise NotAsked(f"no delivery that is published has the {thing} {wanted!r}")
    numbers = sorted({*known.by_number, *(one["mobile_number"] for one in orders)})
    return {
        thing: wanted,
        "events": _with_what_stands(known, events, orders),
        "holdings": [one for number in numbers for one in _holdings(known, number)],
        "orders": orders[:MOST_ORDERS],
        "order_count": len(orders),
        "total": rupees(sum(int(one["total"].replace(".", "")) for one in orders)),
    }


def text(story: Answer) -> str:
    """Return a story as a console shows it."""
    thing = next(iter(story))
    told = [f"{thing} {story[thing]}"]
    told += ["", "what was delivered:", *(_event(one) for one in story["events"])] if story["events"] else []
    told += (
        ["", "who held it:", *(f"  {one['words']}" for one in story["holdings"])] if story["holdings"] else []
    )
    if story["orders"]:
        head = f"{counted(story['order_count'], 'order')}, {words.money(story['total'])}:"
        told += ["", head, *(_order(one) for one in story["orders"])]
        more = story["order_count"] - len(story["orders"])
        told += [f"  … and {more:,} more"] if more else []
    return "\n".join(told)


def _claims(look: Workspace, thing: str, wanted: str) -> Claims:
    if thing == "customer":
        return claims.of(look, (), (wanted,))
    return claims.of(look, (wanted,)) if thing == "number" else Claims({}, {})


def _orders(look: Workspace, thing: str, wanted: str, known: Claims) -> list[Answer]:
    """Return the published orders in question, by day, and whose they are."""
    if thing == "order":
        found = database.rows_of(look.settings, ORDERS.c.order_id, [wanted])
        numbers = found["mobile_number"].unique().to_pylist()
        more = claims.of(look, numbers) if numbers else known
        known.by_number.update(more.by_number)
    else:
        found = parts.of_numbers(look.settings, [*known.by_number] or [wanted])
    rows = sorted(found.to_pylist(), key=lambda row: (row["order_date"], row["order_id"]))
    told = [_told(look, row, known) for row in rows]
    return [one for one in told if thing != "customer" or one["customer_id"] == wanted]


def _told(look: Workspace, row: dict[str, Any], known: Claims) -> Answer:
    held = known.holder(row["mobile_number"], row["order_date"])
    delivery = look.by_id.get(row["delivery_id"])
    return {
        "order_id": row["order_id"],
        "order_date": str(row["order_date"]),
        "mobile_number": row["mobile_number"],
        "total": rupees(row["total_amount_paise"]),
        "delivery_id": row["delivery_id"],
        "delivery": delivery.name if delivery else None,
        "customer_id": held.customer_id if held else None,
        "because": because(held, row["mobile_number"]),
    }


def _events(look: Workspace, thing: str, wanted: str) -> Iterator[Answer]:
    """Yield each record of it in the order of deliveries: where it stands, and whether it was turned away."""
    seen = {one.sha256: one for one in look.places}
    for delivery in look.deliveries:
        away = _away(look, delivery, thing, wanted)
        for record in _records(look, delivery, thing, wanted, away):
            reasons = away.get(record.record)
            yield {
                "delivery_id": delivery.delivery_id,
                "delivery": delivery.name,
                "day": _day(seen.get(delivery.sha256)),
                "also_seen_as": [name for name in delivery.names if name != delivery.name],
                "kind": delivery.kind,
                "record": record.record,
                "line": record.line,
                "raw": record.raw,
                "became": "rejected" if reasons else "accepted",
                "reasons": reasons or [],
                "order_id": plain.identifier(record.fields.get("order_id")),
                "sku_id": plain.identifier(record.fields.get("sku_id")),
                "customer_id": plain.identifier(record.fields.get("customer_id")),
            }


def _records(
    look: Workspace, delivery: Delivery, thing: str, wanted: str, away: dict[int, list[str]]
) -> list[Record]:
    """Return a delivery's records of it, those included that could not be taken apart."""
    kind, column = _KEYS.get(thing, (delivery.kind, "mobile_number"))
    if kind != delivery.kind:
        return []
    # Of a number, orders are told one by one from what is published: of their lines only those turned away.
    whole = thing != "number" or delivery.kind == "customers"
    found = {one.record: one for one in (look.rows(delivery, column, (wanted,)) if whole else ())}
    more = [number for number in away if number not in found]
    found |= {one.record: one for one in (look.numbered(delivery, more) if more else ())}
    return [found[number] for number in sorted(found)]


def _away(look: Workspace, delivery: Delivery, thing: str, wanted: str) -> dict[int, list[str]]:
    """Return the records of it that were turned away, with their reasons."""
    kind, column = _KEYS.get(thing, (delivery.kind, "mobile_number"))
    if kind != delivery.kind or not delivery.rejected:
        return {}
    table = look.turned_away(delivery)
    raw = pc.fill_null(table["raw"].cast(pa.string()), "")
    mask = pc.or_(among(table[column], (wanted,), thing == "number"), pc.match_substring(raw, wanted))
    clean = plain.mobile if thing == "number" else plain.identifier
    return {
        row["record"]: row["reasons"].split()
        for row in table.filter(mask).to_pylist()
        if clean(row[column] or "") == wanted or wanted in (row["raw"] or "")
    }


def _day(place: Sighting | None) -> str:
    """Say of which day a delivery is."""
    if place is None:
        return "of no day"
    named = deliveries.date_in_name(place.name)
    return f"of {named}" if named else f"first seen on {place.day}"


def _with_what_stands(known: Claims, events: list[Answer], orders: list[Answer]) -> list[Answer]:
    """Say of each accepted record whether it stands, repeats another, or was replaced by which delivery.

    Deliveries are told apart by their bytes: several may have lain under one name.
    """
    names = {one["delivery_id"]: one["delivery"] for one in (*events, *orders)}
    by = {one["order_id"]: one["delivery_id"] for one in orders}
    last = {name: version.delivery.delivery_id for name, version in known.customers.items()}
    seen: set[tuple[str, ...]] = set()
    again: set[tuple[str, str]] = set()
    for one in events:
        key = (one["delivery_id"], one["kind"], one["order_id"], one["sku_id"], one["customer_id"])
        standing = by.get(one["order_id"]) if one["kind"] == "orders" else last.get(one["customer_id"])
        if one["became"] == "accepted":
            if key in seen or (one["delivery_id"], words.compact(one["raw"])) in again:
                one["became"] = "repeated"
            elif standing and standing != one["delivery_id"]:
                one["became"] = "replaced"
                one["by"] = names[standing]
            else:
                one["became"] = "stands"
            seen.add(key)
        else:
            again.add((one["delivery_id"], words.compact(one["raw"])))
    for one in events:
        for name in ("delivery_id", "order_id", "sku_id", "customer_id"):
            one.pop(name)
    for one in orders:
        one.pop("delivery_id")
    return events


def _holdings(known: Claims, number: str) -> Iterator[Answer]:
    held = known.holdings(number)
    if not held:
        yield {"mobile_number": number, "customer_id": None, "words": because(None, number)}
    for one in held:
        yield {
            "mobile_number": number,
            "customer_id": one.customer_id,
            "from_day": str(one.since) if one.since else None,
            "until_day": str(one.until) if one.until else None,
            "delivery": one.by.name,
            "record": one.by.record,
            "words": because(one, number),
        }


_BECAME = {
    "stands": "stands",
    "repeated": "repeats a line exactly, and is dropped",
    "rejected": "turned away",
}


def _event(one: Answer) -> str:
    what = _BECAME.get(one["became"]) or f"replaced by {words.by(one)}"
    why = f": {', '.join(one['reasons'])}" if one["reasons"] else ""
    also = f" (also seen as {', '.join(one['also_seen_as'])})" if one["also_seen_as"] else ""
    return f"  {words.place(one)}{also}, {one['day']}: {what}{why}\n    {words.compact(one['raw'])}"


def _order(one: Answer) -> str:
    head = f"  {one['order_id']}  {one['order_date']}  {words.money(one['total'])}"
    return f"{head}  {one['delivery']}: {one['because']}"
