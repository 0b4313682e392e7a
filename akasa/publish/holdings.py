"""Who holds a number from which day: worked out from claims, in the order of deliveries.

Phone numbers are recycled, and customers change theirs. An accepted customer row claims its number, in each
place where its delivery was seen, from the day before that place's on (a delivery brings the records of the
day before); in a base file from ever. Of a number's claims, the last one that had begun by a day says who
holds it on that day; before all of them, the first one does.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from akasa.publish import standing, versions
from akasa.stores import database
from akasa.stores.models import HOLDINGS
from akasa.validate.plan import Plan, Planned, Sighting
from akasa.validate.verdicts import Judged
from akasa.workspace.settings import Settings
from akasa.workspace.tables import FIRST_DAY, frame_types

_EARLIER = """
select count(*) from orders join holdings on holdings.mobile_number = orders.mobile_number
    and orders.order_date >= holdings.from_day and orders.order_date < holdings.until_day
"""
_OTHER_NUMBER = """
select count(*) from orders join holdings on holdings.mobile_number = orders.mobile_number
    and holdings.until_day is null
where orders.mobile_number not in (select mobile_number from customers)
"""
_COLUMNS = list(frame_types("holdings"))
_CLAIM = ["mobile_number", "customer_id", "from_day", "position"]


def fold(claims: pd.DataFrame) -> pd.DataFrame:
    """Return the holdings that follow from claims: mobile_number, customer_id, from_day, until_day, position.

    `claims` stand in the order of deliveries: mobile_number, customer_id, from_day, position. A holding has
    the position of the claim that it began with.
    """
    number = pa.array(claims["mobile_number"], pa.string()).cast(pa.int64()).to_numpy()
    by_number = np.argsort(number, kind="stable")
    number, claims = number[by_number], claims.iloc[by_number]
    begins = np.append(True, number[1:] != number[:-1])[: len(number)]
    customer = claims["customer_id"]
    other = (customer != customer.shift()).to_numpy() & ~begins
    contested = np.isin(number, number[other])
    first = claims[begins & ~contested].assign(from_day=FIRST_DAY, until_day=pd.NaT)
    in_turn = groupby(claims[contested].itertuples(index=False), attrgetter("mobile_number"))
    changing = [row for _, own in in_turn for row in _in_turn(own)]
    rows = pd.concat([_typed(first), _typed(pd.DataFrame(changing, columns=_COLUMNS))])
    return rows.sort_values(["mobile_number", "from_day"], ignore_index=True)


def every(
    settings: Settings, seen: Iterable[Sighting], published: Iterable[Planned], judged: Iterable[Judged] = ()
) -> pd.DataFrame:
    """Return the holdings that follow from all claims, those in every place where a delivery was `seen`.

    They are claims of deliveries that were just `judged`, and of `published` ones as they were judged.
    """
    claiming = [standing.as_published(settings, one) for one in published if one.kind == "customers"]
    return fold(_claims(seen, [*claiming, *judged]))


def changed(settings: Settings, plan: Plan, judged: Sequence[Judged]) -> pd.DataFrame:
    """Return the holdings, as they are after a publish, of the numbers of which it changes any.

    Claims in places behind all others are put on top of what is held; else all claims are gone through.
    """
    new = [one for one in plan.sightings if one.kind == "customers"]
    last = max((one.position for one in plan.seen if one.kind == "customers"), default="")
    known = {one.delivery.sha256 for one in judged}
    published = [one for one in plan if one.status in ("repeat", "published") and one.sha256 not in known]
    if unfounded(settings) or any(one.position < last for one in new):
        after = every(settings, [*plan.seen, *new], published, judged)
        return _differing(_held(settings), after)
    again = [one for one in published if one.sha256 in {sighting.sha256 for sighting in new}]
    claims = _claims(new, [*(standing.as_published(settings, one) for one in again), *judged])
    numbers = claims["mobile_number"].iloc[: None if last else 0]  # before the first delivery, none is held
    held = _held(settings, numbers).sort_values("position", kind="stable")
    return _differing(held, fold(pd.concat([held[_CLAIM], claims])))


def unfounded(settings: Settings) -> bool:
    """Say whether holdings stand there that a migration took from published customers alone.

    All of them do then, and after the next publish none: one row tells, and no table is read for it.
    """
    first = database.query("select position from holdings limit 1", settings)["position"]
    return bool((first == "").any())


def what_moved(settings: Settings) -> str:
    """Say which orders have other owners than before holdings, when a number's last claimant had all."""
    earlier, other = (int(database.query(sql, settings).iloc[0, 0]) for sql in (_EARLIER, _OTHER_NUMBER))
    return (
        "an order belongs to who held its number on its day, from this version of akasa on: "
        f"{earlier:,} orders go back to earlier holders of their numbers, and {other:,} that nobody seemed "
        "to own to customers who have another number now"
    )


def _in_turn(claims: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield one number's holdings: a claim ends those that begin no earlier, the first counts from ever."""
    stands: list[Any] = []
    for claim in claims:
        claim = claim if stands else claim._replace(from_day=pd.Timestamp(FIRST_DAY))
        while stands and _ends(stands[-1], claim):
            stands.pop()
        if not stands or stands[-1].customer_id != claim.customer_id:
            stands.append(claim)
    for one, following in zip(stands, [*stands[1:], None], strict=True):
        yield one.mobile_number, one.customer_id, one.from_day, following and following.from_day, one.position


def _ends(held: Any, claim: Any) -> bool:
    is_other: bool = held.customer_id != claim.customer_id
    return bool(held.from_day > claim.from_day or (held.from_day == claim.from_day and is_other))


def _claims(seen: Iterable[Sighting], judged: Iterable[Judged]) -> pd.DataFrame:
    """Return the claims of customers in the places where their deliveries were seen, in order of places."""
    customers = {
        one.delivery.sha256: one.records.accepted[["mobile_number", "customer_id"]]
        for one in judged
        if one.delivery.kind == "customers"
    }
    claims = [
        customers[place.sha256].assign(from_day=place.claims_from, position=place.position)
        for place in sorted(seen, key=attrgetter("position"))
        if place.kind == "customers" and place.sha256 in customers
    ]
    return _typed(pd.concat([pd.DataFrame(columns=_CLAIM), *claims], ignore_index=True))


def _held(settings: Settings, numbers: "pd.Series[str] | None" = None) -> pd.DataFrame:
    """Return the holdings that are published, of some numbers or all."""
    if numbers is None:
        return versions.typed("holdings", database.rows(settings, "holdings"))
    return versions.typed("holdings", database.rows_of(settings, HOLDINGS.c.mobile_number, numbers.unique()))


def _differing(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return the holdings after of the numbers of which a holding is not as before."""
    both = pd.concat([before, after])
    numbers = both["mobile_number"][~both.duplicated(keep=False)]
    return after[versions.among(after["mobile_number"], numbers)].reset_index(drop=True)


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.astype({column: kind for column, kind in frame_types("holdings").items() if column in rows})
