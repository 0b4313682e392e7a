"""Who held a number on which day, from the customers' deliveries themselves, one claim after the other."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from akasa.ingest import deliveries
from akasa.trace import plain
from akasa.trace.delivered import Delivery, Workspace, rejects
from akasa.trace.records import Fields
from akasa.validate.plan import Sighting

EVER = date(1000, 1, 1)
_CLEAN = {"conflicting_customer", "shared_mobile_number"}  # reasons of rows whose fields all have a form
_FILE_BYTES = 5_000_000  # of a larger file, the customers are read as they were staged


class Claim(NamedTuple):
    """A customer's claim on a number, in a delivery that lay under a name; `since` None: from ever."""

    customer_id: str
    since: date | None
    name: str
    record: int


class Holding(NamedTuple):
    """Who held a number, by which claim: from a day (None: ever) until before another one (None: still)."""

    customer_id: str
    since: date | None
    until: date | None
    by: Claim


class Version(NamedTuple):
    """A customer as a delivery's record has it: texts as they came."""

    customer_id: str
    name: str | None
    mobile: str | None
    region: str | None
    delivery: Delivery
    record: int


@dataclass
class Claims:
    """The claims on some numbers, in the order of deliveries, and the newest version of their customers."""

    by_number: dict[str, list[Claim]]
    customers: dict[str, Version]
    _held: dict[str, list[Holding]] = field(default_factory=dict)

    def holdings(self, number: str) -> list[Holding]:
        """Return who held a number, one after the other."""
        if number not in self._held:
            self._held[number] = _in_turn(self.by_number.get(number, []))
        return self._held[number]

    def holder(self, number: str, on: date) -> Holding | None:
        """Return who held a number on a day, and since when."""
        return next((one for one in self.holdings(number) if one.until is None or on < one.until), None)

    def numbers_of(self, customer_id: str) -> set[str]:
        """Return the numbers that a customer ever claimed."""
        return {
            number
            for number, claims in self.by_number.items()
            if any(one.customer_id == customer_id for one in claims)
        }


def of(look: Workspace, numbers: Collection[str] | None = (), customers: Collection[str] = ()) -> Claims:
    """Return all claims on some numbers, and on those that some customers ever claimed; None: on all."""
    accepted = {one.sha256: _Accepted(look, one) for one in look.of_kind("customers")}
    every = numbers
    if numbers is not None and customers:
        own = (one.rows("customer_id", customers) for one in accepted.values())
        every = {*numbers, *(plain.mobile(row.mobile) for rows in own for row in rows)}
    rows = {sha: [*one.rows("mobile_number", every)] for sha, one in accepted.items()}
    by_number = _claims(look.places, rows)
    known = {claim.customer_id for claims in by_number.values() for claim in claims} | {*customers}
    if numbers is None:
        versions = {row.customer_id: row for sha in accepted for row in rows[sha]}
    else:
        newest = (one.rows("customer_id", known) for one in accepted.values())
        versions = {row.customer_id: row for rows_ in newest for row in rows_}
    return Claims(by_number, versions)


def because(held: Holding | None, number: str) -> str:
    """Say why an order is whose it is."""
    if held is None:
        return f"no customer has ever claimed {number}"
    until = f" until {held.until}, when another customer did" if held.until else ""
    since = f"from {held.since} on" if held.since else "from the first day on"
    return f"{held.customer_id} held {number} {since}{until}, by record {held.by.record} of {held.by.name}"


class _Accepted:
    """The accepted records of customers in a delivery: none turned away, and none that repeats such a one."""

    def __init__(self, look: Workspace, delivery: Delivery) -> None:
        self.look, self.delivery = look, delivery
        self.away, self.alike = set[int](), set[tuple[str, str]]()
        for one in rejects(look.turned_away(delivery)):
            self.away.add(one.record)
            self.alike.add(_told_apart(one.fields, bool(_CLEAN & {*one.reasons})))

    def rows(self, column: str, wanted: Collection[str] | None) -> Iterator[Version]:
        if wanted is None:
            found = self.look.every(self.delivery)
        elif wanted:
            found = self.look.rows(self.delivery, column, wanted, _FILE_BYTES)
        else:
            return
        for row in found:
            own = row.fields
            again = {_told_apart(own, True), _told_apart(own, False)} if self.delivery.repeats else set()
            if row.record not in self.away and not again & self.alike:
                texts = (own.get("customer_name"), own.get("mobile_number"), own.get("region"))
                yield Version(plain.identifier(own.get("customer_id")), *texts, self.delivery, row.record)


def _told_apart(own: Fields, is_clean: bool) -> tuple[str, str]:
    """Return what a row has in common with one that repeats it: a number without a form as it came."""
    came = own.get("mobile_number") or ""
    number = plain.mobile(came) if is_clean else f"as it came: {came}"
    return plain.identifier(own.get("customer_id")), number


def _claims(places: Iterable[Sighting], rows: dict[str, list[Version]]) -> dict[str, list[Claim]]:
    by_number: dict[str, list[Claim]] = {}
    for place in places:
        if place.kind != "customers":
            continue
        since = _claimed_from(place)
        for row in rows.get(place.sha256, ()):
            own = by_number.setdefault(plain.mobile(row.mobile), [])
            claim = Claim(row.customer_id, since, place.name, row.record)
            if not own or not _adds_nothing(own[-1], claim):
                own.append(claim)
    return by_number


def _in_turn(own: list[Claim]) -> list[Holding]:
    """Return the holdings of one number.

    A claim counts from its day until the next day from which one of a later delivery does; the first claim
    also before.
    """
    spans: list[tuple[date, date | None, Claim]] = []
    until: date | None = None
    for claim in reversed(own):
        begins = claim.since or EVER
        if until is None or begins < until:
            spans.append((begins, until, claim))
            until = begins
    if until is not None and until > EVER:
        spans.append((EVER, until, own[0]))
    held: list[Holding] = []
    for begins, ends, claim in reversed(spans):
        if held and held[-1].customer_id == claim.customer_id:
            held[-1] = held[-1]._replace(until=ends)
        else:
            held.append(Holding(claim.customer_id, None if begins == EVER else begins, ends, claim))
    return held


def _claimed_from(place: Sighting) -> date | None:
    """Return the day from which customers claim their numbers there; None: from ever.

    A delivery brings the records of the day before; a base file has no day.
    """
    return place.delivered_on - timedelta(days=1) if deliveries.rank(place.name) else None


def _adds_nothing(last: Claim, claim: Claim) -> bool:
    """Say whether a customer claims once more what is held already."""
    return last.customer_id == claim.customer_id and (last.since or EVER) <= (claim.since or EVER)
