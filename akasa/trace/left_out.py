"""What might have been expected to count, and does not: rejected, replaced, later, another holder's."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from akasa.kpis.results import rupees
from akasa.stores import database
from akasa.stores.models import ORDERS
from akasa.trace import plain
from akasa.trace.delivered import Delivery, Rejected, Workspace, rejects
from akasa.trace.parts import NOBODY, OUTSIDE, Ask
from akasa.trace.proof import Proof
from akasa.trace.staged import among

MOST_REJECTED = 100_000  # records that were turned away: of more, those of the question's customers alone
MOST_ACCEPTED = 300_000  # accepted lines: of more, versions are sought of the orders that are told alone
MOST_LATER = 1_000
_VERSION = ["order_id", "mobile_number", "order_date", "total_amount_paise"]
Entry = dict[str, Any]


class Told(NamedTuple):
    """Something that a row of the question does not count, and what is told of it."""

    row: int
    entry: Entry


@dataclass
class LeftOut:
    """What is to be told of a proof's rows; `unread` says what was not looked through, as it is too much."""

    proof: Proof
    unread: list[str]

    @property
    def look(self) -> Workspace:
        return self.proof.look

    @property
    def row_of(self) -> Ask:
        return self.proof.parts.row_of

    def every(self) -> Iterator[Told]:
        yield from self.rejected()
        yield from self.replaced()
        yield from self.outside()
        yield from self.of_other_holders()

    def rejected(self) -> Iterator[Told]:
        """Yield records that were turned away: order lines, and for customers their own rows."""
        numbers = self.proof.parts.numbers
        away = [one for one in self.look.deliveries if one.rejected]
        if numbers is None and sum(one.rejected for one in away) > MOST_REJECTED:
            self.unread.append(f"more than {MOST_REJECTED:,} records were turned away: data/rejects has them")
            return
        for delivery in away:
            if delivery.kind == "customers" and numbers is None:
                continue
            table = self.look.turned_away(delivery)
            chosen = None if numbers is None else self._of_customers(table, delivery.kind, numbers)
            found = [(one, rows) for one in rejects(table, chosen) if (rows := [*self._rows(one, delivery)])]
            lines = {one.record: one for one in self._as_delivered(delivery, [one for one, _ in found])}
            for one, rows in found:
                yield from (Told(row, _turned_away(one, delivery, lines.get(one.record))) for row in rows)

    def replaced(self) -> Iterator[Told]:
        """Yield versions of orders that later deliveries replaced; note those that should be published."""
        sent = self.look.of_kind("orders")
        if len(sent) < 2:
            return
        accepted = int(database.query(_ACCEPTED, self.look.settings)["n"].fillna(0)[0])
        ids = self._told_ids() if accepted > MOST_ACCEPTED else None
        if ids is not None:
            self.unread.append(
                f"more than {MOST_ACCEPTED:,} lines are accepted: of other orders, versions are not sought"
            )
        stands = self._standing(ids)
        for delivery in sent:
            own = None if ids is None else [one for one in ids if stands.get(one) != delivery.delivery_id]
            for row in self._versions(delivery, own):
                newest = stands.get(row["order_id"])
                if newest == delivery.delivery_id:
                    continue
                place = self.row_of(row["order_date"], row["mobile_number"])
                if place >= 0 and self._counts(row["order_date"]):
                    by = self.look.by_id.get(newest or 0)
                    if by is None or by.position < delivery.position:
                        self.proof.faults[place].append(
                            f"{row['order_id']}: its newest version, in {delivery.name}, is not published"
                        )
                    else:
                        yield Told(place, _version(row, delivery, by))

    def outside(self) -> Iterator[Told]:
        """Yield orders of another day than those that count."""
        parts = self.proof.parts
        if parts.numbers is not None:
            chosen = parts.orders.filter(pa.array(parts.row == OUTSIDE))
        else:
            later = ORDERS.c.order_date > self.proof.question.as_of
            count = int(
                database.query(_LATER, self.look.settings, as_of=str(self.proof.question.as_of))["n"][0]
            )
            if count > MOST_LATER:
                self.unread.append(f"{count:,} orders are later than {self.proof.question.as_of}")
                return
            chosen = database.rows(self.look.settings, "orders", later)
        for row in chosen.to_pylist():
            place = self.row_of(row["order_date"], row["mobile_number"])
            if place != NOBODY:
                is_later = row["order_date"] > (self.proof.question.as_of or date.max)
                why = "after as_of" if is_later else "before the window"
                yield Told(place, self._order(row, why))

    def of_other_holders(self) -> Iterator[Told]:
        """Yield orders of a customer's numbers in the time of another holder."""
        parts, question = self.proof.parts, self.proof.question
        if parts.numbers is None:
            return
        claiming = self._claiming
        places = {row["customer_id"]: place for place, row in enumerate(question.rows)}
        for row in parts.orders.to_pylist():
            held = parts.claims.holder(row["mobile_number"], row["order_date"])
            holder = held.customer_id if held else None
            for customer in claiming.get(row["mobile_number"], ()):
                place = places.get(customer)
                if place is not None and customer != holder and self._counts(row["order_date"]):
                    yield Told(place, {**self._order(row, "another holder's"), "customer_id": holder})

    def _counts(self, day: date) -> bool:
        question = self.proof.question
        return day <= (question.as_of or date.max) and (question.after is None or day > question.after)

    @cached_property
    def _claiming(self) -> dict[str, set[str]]:
        """Return who ever claimed each number."""
        by_number = self.proof.parts.claims.by_number
        return {number: {one.customer_id for one in own} for number, own in by_number.items()}

    def _of_customers(self, table: pa.Table, kind: str, numbers: Iterable[str]) -> Any:
        """Mark the records with one of the numbers, or of one of the customers, be it anywhere in them."""
        ids = [str(row["customer_id"]) for row in self.proof.question.rows] if kind == "customers" else []
        mask = among(table["mobile_number"], [*numbers], True)
        if ids:
            mask = pc.or_(mask, among(table["customer_id"], ids))
        raw = pc.fill_null(table["raw"].cast(pa.string()), "")
        for word in (*numbers, *ids):
            mask = pc.or_(mask, pc.match_substring(raw, word))
        return mask

    def _rows(self, one: Rejected, delivery: Delivery) -> Iterator[int]:
        """Yield the rows for which a record might have been expected to count."""
        settings, question, claims = self.look.settings, self.proof.question, self.proof.parts.claims
        number = plain.mobile(one.fields.get("mobile_number"))
        zones = settings.source_timezone, settings.business_timezone
        day = plain.day(one.fields.get("order_date_time"), *zones)
        if self.proof.parts.numbers is None:
            if day is not None and self._counts(day):
                place = self.row_of(day, number)
                yield from (place,) if place >= 0 else ()
            return
        if day is not None and not self._counts(day):
            return
        known = [*claims.by_number] if not number else [number]
        text = f"{one.raw} {one.fields.get('mobile_number') or ''}"
        claimed = {each for n in known if n == number or n in text for each in self._claiming.get(n, ())}
        named = plain.identifier(one.fields.get("customer_id"))
        for place, row in enumerate(question.rows):
            customer = str(row["customer_id"])
            if customer in claimed or customer == named or (customer and customer in one.raw.split(",")):
                yield place

    def _as_delivered(self, delivery: Delivery, found: list[Rejected]) -> Iterable[Any]:
        few = {one.record for one in found[:MOST_LATER]}
        return self.look.numbered(delivery, few) if few else ()

    def _told_ids(self) -> list[str]:
        ids = self.proof.parts.orders["order_id"]
        return [ids[order].as_py() for order in self.proof.listed]

    def _standing(self, ids: list[str] | None) -> dict[str, int]:
        """Return the delivery from which each order's published version is."""
        settings = self.look.settings
        found = (
            database.rows(settings, "orders")
            if ids is None
            else database.rows_of(settings, ORDERS.c.order_id, ids)
        )
        return dict(zip(found["order_id"].to_pylist(), found["delivery_id"].to_pylist(), strict=True))

    def _versions(self, delivery: Delivery, ids: list[str] | None) -> Iterator[dict[str, Any]]:
        """Yield a delivery's orders: id, number, day, and the first line's total, or the sum of all."""
        orders: dict[str, dict[str, Any]] = {}
        for part in self.look.accepted(delivery, _VERSION, ids) if ids != [] else ():
            for row in part.to_pylist():
                row["order_date"] = row["order_date"].date()
                first = orders.setdefault(row["order_id"], row)
                if first is not row and self.look.settings.amount_is == "line":
                    first["total_amount_paise"] += row["total_amount_paise"]
        yield from orders.values()

    def _order(self, row: dict[str, Any], why: str) -> Entry:
        delivery = self.look.by_id.get(row["delivery_id"])
        return {
            "why": why,
            "order_id": row["order_id"],
            "order_date": str(row["order_date"]),
            "mobile_number": row["mobile_number"],
            "total": rupees(row["total_amount_paise"]),
            "delivery": delivery.name if delivery else None,
        }


_ACCEPTED = "select sum(accepted) as n from deliveries where kind = 'orders'"
_LATER = "select count(*) as n from orders where order_date > :as_of"


def _turned_away(one: Rejected, delivery: Delivery, record: Any) -> Entry:
    own = {
        name: one.fields[name]
        for name in ("order_id", "customer_id", "mobile_number")
        if one.fields.get(name) is not None
    }
    told = {"detail": one.detail} if one.detail else {}
    place = {"delivery": delivery.name, "record": one.record, "line": record.line if record else None}
    raw = record.raw if record else one.raw
    return {"why": "rejected", "reasons": list(one.reasons), **told, **own, **place, "raw": raw}


def _version(row: dict[str, Any], delivery: Delivery, by: Delivery) -> Entry:
    return {
        "why": "replaced",
        "order_id": row["order_id"],
        "order_date": str(row["order_date"]),
        "mobile_number": row["mobile_number"],
        "total": rupees(row["total_amount_paise"]),
        "delivery": delivery.name,
        "by": by.name,
    }
