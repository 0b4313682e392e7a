"""The parts of a value, proved: each order's lines are read as they were delivered, and added up again."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from akasa.kpis.results import rupees
from akasa.stores import database
from akasa.stores.models import HOLDINGS
from akasa.trace import plain
from akasa.trace.claims import because
from akasa.trace.delivered import Delivery, Workspace
from akasa.trace.parts import OF_CUSTOMERS, Parts
from akasa.trace.question import Question, Value
from akasa.trace.records import Record

ALL_ORDERS, FIRST_ORDERS = 1_000, 50
MOST_FAULTS = 20
MOST_SOUGHT = 200_000  # orders of one delivery; of more, all its records are read
MOST_HELD = 100_000  # orders whose holdings are compared one by one
_BATCH = 8_192
_UNREAD = np.iinfo(np.int64).min
_EPOCH = date(1970, 1, 1).toordinal()


class Line(NamedTuple):
    """A line of an order, as it was delivered."""

    order: int
    delivery: Delivery
    record: Record


class Day(NamedTuple):
    """What the orders of a row from one delivery (its place among all) on one day come to."""

    row: int
    place: int
    day: str
    orders: int
    paise: int


@dataclass
class Proof:
    """What the lines of the parts come to, so far.

    `paise` is what the lines of each order say, `lines` how many there are, `listed` those of the orders that
    are told one by one, `repeated` the first lines that repeat one of them; `faults` say by row in which part
    the lines and what is published differ.
    """

    look: Workspace
    question: Question
    parts: Parts
    paise: np.ndarray = field(init=False)
    lines: np.ndarray = field(init=False)
    listed: dict[int, list[Line]] = field(default_factory=dict)
    repeated: list[Line] = field(default_factory=list)
    faults: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        count = len(self.parts.orders)
        self.paise = np.full(count, _UNREAD, np.int64)
        self.lines = np.zeros(count, np.int32)
        found, counts = np.unique(self.parts.row[self.parts.row >= 0], return_counts=True)
        sizes = dict(zip(found.tolist(), counts.tolist(), strict=True))
        self.room = {row: size if size <= ALL_ORDERS else FIRST_ORDERS for row, size in sizes.items()}

    def run(self) -> Iterator[Line]:
        """Yield every line that counts, in the order of deliveries and records, and add it up."""
        of_delivery = self.parts.orders["delivery_id"].to_numpy()
        for delivery in self.look.of_kind("orders"):
            own = np.flatnonzero((of_delivery == delivery.delivery_id) & (self.parts.row >= 0))
            if len(own):
                yield from self._of(delivery, own)
                pa.default_memory_pool().release_unused()
        self._require_read()
        self._require_holdings()

    def value(self, row: int) -> Value:
        """Return the columns of a row that its parts come to."""
        own = self.parts.row == row
        paise, count = sum(map(int, self.paise[own])), int(own.sum())
        days = self.parts.orders["order_date"].filter(pa.array(own))
        last = pc.max(days).as_py()
        found: dict[str, str | int] = {
            "order_count": count,
            "customer_count": len(self.parts.buyers[row]),
            "total_revenue": rupees(paise),
            "total_spent": rupees(paise),
            "avg_order_value": rupees(plain.average(paise, count)) if count else "0.00",
            "last_order_date": str(last),
        }
        return {column: found[column] for column in self.question.rows[row] if column in found}

    def differences(self, row: int) -> list[str]:
        """Return in what the delivered lines do not come to a row's value; none where they do."""
        said, found = self.question.rows[row], self.value(row)
        told = [
            f"{column} is {said[column]} in {self.question.of}, but the lines come to {found[column]}"
            for column in found
            if said[column] != found[column]
        ]
        faults = self.faults.get(row, [])
        more = [f"and {len(faults) - MOST_FAULTS:,} more"] if len(faults) > MOST_FAULTS else []
        return [*told, *self._of_customer(said), *faults[:MOST_FAULTS], *more]

    def summary(self) -> list[Day]:
        """Return what the orders of each row come to, by delivery and day, in their order."""
        days = {name: self.parts.orders[name] for name in ("delivery_id", "order_date")}
        every = pa.table({"row": self.parts.row, **days, "paise": self.paise})
        counted = every.filter(pc.greater_equal(every["row"], 0)).group_by(["row", *days])
        found = counted.aggregate([("paise", "count"), ("paise", "sum")]).to_pylist()
        places = {one.delivery_id: place for place, one in enumerate(self.look.deliveries)}
        told = [
            Day(
                one["row"],
                places[one["delivery_id"]],
                str(one["order_date"]),
                one["paise_count"],
                one["paise_sum"],
            )
            for one in found
        ]
        return sorted(told)

    def _of(self, delivery: Delivery, own: np.ndarray) -> Iterator[Line]:
        orders = self.parts.orders.take(pa.array(own))
        days = orders["order_date"].cast(pa.int32()).to_numpy() + _EPOCH
        numbers, ids = orders["mobile_number"].to_pylist(), orders["order_id"].combine_chunks()
        seen: set[int] = set()
        for place, record in self._found(delivery, ids):
            order = int(own[place])
            if delivery.repeats and self._repeats(order, record, seen):
                self._list_repeat(Line(order, delivery, record))
                continue
            self._add(order, delivery, record, date.fromordinal(int(days[place])), numbers[place])
            line = Line(order, delivery, record)
            self._list(line)
            yield line

    def _repeats(self, order: int, record: Record, seen: set[int]) -> bool:
        """Say whether a line of this SKU came before: it is equal, or the order had been turned away."""
        key = hash((order, plain.identifier(record.fields.get("sku_id"))))
        if key in seen:
            return True
        seen.add(key)
        return False

    def _list_repeat(self, line: Line) -> None:
        if len(self.repeated) < ALL_ORDERS:
            self.repeated.append(line)

    def _found(self, delivery: Delivery, ids: pa.Array) -> Iterator[tuple[int, Record]]:
        """Yield the place of an order among the ids, with each of its records in a delivery."""
        if len(ids) <= MOST_SOUGHT:
            places = {one: place for place, one in enumerate(ids.to_pylist())}
            for record in self.look.rows(delivery, "order_id", places):
                yield places[plain.identifier(record.fields["order_id"])], record
            return
        records = self.look.every(delivery)
        while batch := list(islice(records, _BATCH)):
            texts = pa.array([plain.identifier(one.fields.get("order_id")) for one in batch], pa.string())
            places_of = pc.index_in(texts, value_set=ids).to_pylist()
            yield from (pair for pair in zip(places_of, batch, strict=True) if pair[0] is not None)

    def _add(self, order: int, delivery: Delivery, record: Record, day: date, number: str) -> None:
        """Add a line up, and note in what it is not as published."""
        settings, own = self.look.settings, record.fields
        amount = _paise(own.get("total_amount"))
        zones = settings.source_timezone, settings.business_timezone
        if amount is None or _day(own.get("order_date_time"), *zones) != day:
            self._differs(order, delivery, record, f"is not of {day}, or has no amount")
        if _mobile(own.get("mobile_number")) != number:
            self._differs(order, delivery, record, f"has another number than {number}")
        before = int(self.paise[order])
        if before == _UNREAD:
            self.paise[order] = amount or 0
        elif settings.amount_is == "line":
            self.paise[order] = before + (amount or 0)
        elif before != amount:
            self._differs(order, delivery, record, "has another total than the line before")
        self.lines[order] += 1

    def _list(self, line: Line) -> None:
        """Keep a line of an order that is told, while there is room in its row."""
        if line.order in self.listed:
            self.listed[line.order].append(line)
            return
        row = int(self.parts.row[line.order])
        if self.lines[line.order] == 1 and self.room.get(row, 0) > 0:
            self.room[row] -= 1
            self.listed[line.order] = [line]

    def _require_read(self) -> None:
        """Note the orders of which no line was found, and those whose lines come to another total."""
        counted = self.parts.row >= 0
        published = self.parts.orders["total_amount_paise"].to_numpy()
        for order in np.flatnonzero(counted & (self.paise == _UNREAD)).tolist():
            self._fault(order, f"{self._id(order)}: no line of it is in {self._name(order)}")
        self.paise[counted & (self.paise == _UNREAD)] = 0
        wrong = np.flatnonzero(counted & (self.lines > 0) & (self.paise != published))
        for order in wrong.tolist():
            said, read = rupees(int(published[order])), rupees(int(self.paise[order]))
            self._fault(order, f"{self._id(order)}: ₹{said} is published, its lines say ₹{read}")

    def _require_holdings(self) -> None:
        """Note the orders that the published holdings give to another customer than the claims do."""
        parts = self.parts
        if self.question.kpi == "monthly_trends" or len(parts.orders) > MOST_HELD:
            return
        numbers = parts.orders["mobile_number"].unique().to_pylist()
        held: dict[str, list[tuple[date, date | None, str]]] = defaultdict(list)
        for row in database.rows_of(self.look.settings, HOLDINGS.c.mobile_number, numbers).to_pylist():
            held[row["mobile_number"]].append((row["from_day"], row["until_day"], row["customer_id"]))
        for order, row in enumerate(parts.orders.to_pylist()):
            number, day = row["mobile_number"], row["order_date"]
            spans = held.get(number, ())
            published = next(
                (who for since, until, who in spans if since <= day and (not until or day < until)), None
            )
            claimed = parts.claims.holder(number, day)
            if published != (claimed.customer_id if claimed else None):
                by = because(claimed, number)
                what = f"{row['order_id']}: it is published as {published or 'nobody'}'s, but {by}"
                for place in {int(parts.row[order]), parts.row_of_owner(published)} - {-1, -2}:
                    self.faults[place].append(what)

    def _of_customer(self, said: Value) -> list[str]:
        """Return in what a customer's row is not as its newest delivered version has it."""
        if self.question.kpi not in OF_CUSTOMERS:
            return []
        own = self.parts.claims.customers.get(str(said["customer_id"]))
        if own is None:
            return [f"no accepted record is of the customer {said['customer_id']}"]
        same = {
            "customer_name": plain.alike(own.name, str(said["customer_name"])),
            "mobile_number": plain.mobile(own.mobile) == said["mobile_number"],
            "region": plain.alike(own.region, str(said["region"])),
        }
        where = f"record {own.record} of {own.delivery.name}"
        return [
            f"{name} is {said[name]!r}, and another one in {where}"
            for name, holds in same.items()
            if not holds
        ]

    def _differs(self, order: int, delivery: Delivery, record: Record, what: str) -> None:
        where = f"record {record.record} of {delivery.name}"
        self._fault(order, f"{self._id(order)}: {where} {what}")

    def _fault(self, order: int, what: str) -> None:
        self.faults[int(self.parts.row[order])].append(what)

    def _id(self, order: int) -> str:
        return str(self.parts.orders["order_id"][order])

    def _name(self, order: int) -> str:
        delivery_id = self.parts.orders["delivery_id"][order].as_py()
        known = self.look.by_id.get(delivery_id)
        return known.name if known else "any published delivery"


_paise, _mobile = lru_cache(4_096)(plain.paise), lru_cache(4_096)(plain.mobile)
_day = lru_cache(4_096)(plain.day)
