"""What moved since the last run, in sentences; the numbers are those of changes.json."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from akasa.changes import Changes
from akasa.ingest import repairs
from akasa.report import periods
from akasa.report.formats import indian, indian_count
from akasa.workspace import wording
from akasa.workspace.wording import counted

MOST_LINES = 6  # of a KPI; the file has all
Cause = Mapping[str, Any]
Row = Mapping[str, Any]
_TITLES = {
    "regional_revenue": "Regions",
    "monthly_trends": "Months",
    "top_spenders": "Top spenders",
    "repeat_customers": "Repeat customers",
}
_WHY = {"taken back": " taken back", "judged anew": " judged anew", "moved": " at another place now"}


@dataclass(frozen=True)
class Line:
    """A row of a KPI that moved: its name, by how much, and why; `fails` where the causes do not add up."""

    name: str
    by: str
    why: str
    fails: bool = False


@dataclass(frozen=True)
class Group:
    """The rows of a KPI that moved most, and how many more there are."""

    title: str
    lines: Sequence[Line]
    more: int


def told(found: Changes, zone: tzinfo | None) -> str:
    """Say with which run this one is compared."""
    before = found["before"]
    if before is None:
        return "This is the first run here, so there is nothing to compare with yet."
    made = wording.moment(datetime.fromisoformat(before["made"]).astimezone(zone))
    to = f", which told of orders up to {periods.words(date.fromisoformat(before['as_of']))}"
    return f"Compared with the run of {made}{to if before['as_of'] else ''}."


def facts(found: Changes) -> list[str]:
    """Say which deliveries and orders are new, and what else is not as it was."""
    return [
        *_deliveries(found["deliveries"]),
        *_orders(found["orders"]),
        *_customers(found["customers"]),
        *_parameters(found["before"], found["after"]),
    ]


def unexplained(found: Changes) -> list[str]:
    """Say where the causes do not add up, and what may be why."""
    rows = sum(kpi["unexplained"] for kpi in found["kpis"])
    lost = (
        [f"How {_names(found['lost'])} was judged then is no longer kept, so what moved by it is not told."]
        if found["lost"]
        else []
    )
    if not rows:
        return lost
    return [f"The causes of {counted(rows, 'row')} do not add up to the difference: see changes.json.", *lost]


def groups(found: Changes) -> list[Group]:
    """Return the KPIs of which any row moved, those that have a title here first."""
    known = {kpi["kpi"]: kpi for kpi in found["kpis"]}
    order = [*(name for name in _TITLES if name in known), *(name for name in known if name not in _TITLES)]
    return [
        Group(
            _TITLES.get(name, name.replace("_", " ").capitalize()),
            [line(name, row, found["after"]["window_days"]) for row in known[name]["rows"][:MOST_LINES]],
            max(0, known[name]["moved"] - MOST_LINES),
        )
        for name in order
        if known[name]["moved"]
    ]


def line(kpi: str, row: Row, window_days: int) -> Line:
    """Return what is said of a row that moved.

    >>> cause = {"cause": "new", "why": "came", "delivery": "incoming/o.xml", "other": None, "things": 4}
    >>> row = {"key": {"region": "West"}, "before": {"total_revenue": "1.00"}, "unexplained": {}}
    >>> line("regional_revenue", row | {"after": {"total_revenue": "3.50"}, "causes": [cause]}, 30)
    Line(name='West', by='+₹2.50', why='4 new orders (o.xml)', fails=False)
    """
    in_order = sorted(row["causes"], key=lambda cause: _ORDER.index(cause["cause"]))
    several = len([cause for cause in in_order if _paise(_money(cause))]) > 1
    causes = [_cause(kpi, cause, row, window_days) + _share(cause, several) for cause in in_order]
    left = [f"{_amount(name, value)} not explained" for name, value in row["unexplained"].items()]
    why = ", ".join([*dict.fromkeys(causes), *left]) or _silent(kpi, row)
    return Line(_name(kpi, row), _by(kpi, row), why, bool(left))


def _share(cause: Cause, several: bool) -> str:
    """Return what a cause adds, where there are several, unless it says so itself."""
    paise = _paise(_money(cause))
    return f" {_signed(paise, indian)}" if several and paise and cause["cause"] != "corrected" else ""


def _silent(kpi: str, row: Row) -> str:
    """Say why a row moved of which no number did."""
    if kpi not in _TITLES:
        return "nobody has said how its causes are found"
    if kpi == "top_spenders" and row["before"] is None:
        return "others spent less"
    if kpi == "top_spenders" and row["after"] is None:
        return "others spent more"
    return "no cause is known"


def _name(kpi: str, row: Row) -> str:
    key = row["key"]
    if kpi == "monthly_trends":
        return periods.Month(int(key["year"]), int(key["month"])).words
    named = row["after"] or row["before"] or {}
    title = " ".join(str(value) for value in key.values())
    return f"{title} {named['customer_name']}" if "customer_name" in named else title


def _by(kpi: str, row: Row) -> str:
    """Say by how much a row moved: in money, where it has any and that moved, else in orders."""
    if kpi in ("top_spenders", "repeat_customers") and None in (row["before"], row["after"]):
        return _listed(kpi, row)
    before, after = ({} if row[side] is None else row[side] for side in ("before", "after"))
    for column in ("total_revenue", "total_spent"):
        by = _paise(after.get(column, "0.00")) - _paise(before.get(column, "0.00"))
        if by:
            return _signed(by, indian)
    orders = after.get("order_count", 0) - before.get("order_count", 0)
    return (
        f"{_signed(orders, indian_count)} {'order' if abs(orders) == 1 else 'orders'}"
        if orders
        else "as before"
    )


def _listed(kpi: str, row: Row) -> str:
    is_there = row["after"] is not None
    words = row["after"] if is_there else row["before"]
    if kpi == "top_spenders":
        return f"{'joined' if is_there else 'left'} the list with {indian(_paise(words['total_spent']))}"
    return f"{'came back' if is_there else 'no longer counts'}: {counted(words['order_count'], 'order')}"


def _cause(kpi: str, cause: Cause, row: Row, window_days: int) -> str:
    kind = cause["cause"]
    if kind == "customer changed":
        return _changed(cause, row)
    if kind in ("counts now", "counts no longer"):
        return _dated(kind, cause, window_days)
    return _WORDS[kind](cause, cause["things"], _is_gained(cause))


def _new(cause: Cause, number: int, gained: bool) -> str:
    if cause["why"] in (None, "came"):
        return f"{counted(number, 'new order')}{_by_delivery(cause)}"
    return f"{counted(number, 'order')} back{_by_delivery(cause)}"


def _corrected(cause: Cause, number: int, gained: bool) -> str:
    if "was" in cause:
        how = f" from {indian(_paise(cause['was']))} to {indian(_paise(cause['now']))}"
    else:
        how = f" {_signed(_paise(_money(cause)), indian)}" if _money(cause) is not None else ""
    where = f", {'from' if gained else 'to'} {cause['other']}" if cause["other"] else ""
    return f"{indian_count(number)} corrected{how}{where}{_by_delivery(cause)}"


def _withdrawn(cause: Cause, number: int, gained: bool) -> str:
    return f"{counted(number, 'order')} withdrawn{_by_delivery(cause)}"


def _known(cause: Cause, number: int, gained: bool) -> str:
    orders = counted(_orders_of(cause), "order")
    return f"{orders} of {_who(cause)}, known only now{_by_delivery(cause)}"


def _unknown(cause: Cause, number: int, gained: bool) -> str:
    return f"{counted(_orders_of(cause), 'order')} that nobody holds the number of now{_by_delivery(cause)}"


def _passed(cause: Cause, number: int, gained: bool) -> str:
    orders = counted(_orders_of(cause), "order")
    return f"{orders} of a number that then was {_who(cause)}’s{_by_delivery(cause)}"


def _moved(cause: Cause, number: int, gained: bool) -> str:
    return f"{_who(cause)} moved {'here from' if gained else 'to'} {cause['other']}{_by_delivery(cause)}"


def _more(cause: Cause, number: int, gained: bool) -> str:
    customers = abs(cause.get("customer_count", 0))
    return f"{counted(customers, 'customer')} {'more' if gained else 'fewer'}"


# In the order in which they are told.
_WORDS: dict[str, Callable[[Cause, int, bool], str]] = {
    "new": _new,
    "corrected": _corrected,
    "withdrawn": _withdrawn,
    "customer moved": _moved,
    "customer known": _known,
    "customer unknown": _unknown,
    "number passed": _passed,
    "customer gained": _more,
    "customer lost": _more,
}
_ORDER = [*_WORDS, "counts now", "counts no longer", "customer changed"]


def _orders_of(cause: Cause) -> int:
    return abs(int(cause.get("order_count", 0)))


def _dated(kind: str, cause: Cause, window_days: int) -> str:
    orders = counted(abs(cause.get("order_count", 0)), "order")
    if cause["why"] == "window":
        into = "came into" if kind == "counts now" else "left"
        return f"{orders} {into} the window of {counted(window_days, 'day')}"
    counts = "now" if kind == "counts now" else "no longer"
    return f"{orders} {'counts' if orders == '1 order' else 'count'} {counts}, by the last day that counts"


def _changed(cause: Cause, row: Row) -> str:
    before, after = row["before"] or {}, row["after"] or {}
    words = [f"{name.replace('_', ' ')} {before[name]} → {after[name]}" for name in cause["columns"]]
    return f"{', '.join(words)}{_by_delivery(cause)}"


def _is_gained(cause: Cause) -> bool:
    amounts = (cause.get(name) for name in ("total_revenue", "total_spent", "order_count", "customer_count"))
    first = next((str(value) for value in amounts if value not in (None, 0, "0.00")), "")
    return not first.startswith("-")


def _who(cause: Cause) -> str:
    first = ", ".join(cause["first"][:3])
    more = cause["things"] - len(cause["first"][:3])
    return f"{first} and {indian_count(more)} more" if more > 0 else first


def _by_delivery(cause: Cause) -> str:
    if not cause["delivery"]:
        return ""
    return f" ({_base(cause['delivery'])}{_WHY.get(cause['why'] or '', '')})"


def _deliveries(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Say which deliveries are not as they were."""
    words = {
        "came": "New: {}.",
        "taken back": "Taken back, or not in this database: {}.",
        "judged anew": "Judged anew: {}.",
        "moved": "At another place now: {}.",
    }
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["fate"], []).append(row["name"])
    return [words[fate].format(_names(found[fate])) for fate in words if fate in found]


def _orders(rows: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """Say how many orders are not what they were."""
    parts = []
    for what in ("new", "corrected", "withdrawn"):
        of_them = [row for row in rows if row["what"] == what]
        if of_them:
            before, after = (sum(_paise(row[side]) for row in of_them) for side in ("before", "after"))
            number = sum(row["orders"] for row in of_them)
            parts.append(f"{counted(number, 'order')} {what} ({_signed(after - before, indian)})")
    return [f"{', '.join(parts)}."] if parts else []


def _customers(rows: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    parts = []
    for what in ("new", "changed", "gone"):
        number = sum(row["customers"] for row in rows if row["what"] == what)
        parts += [f"{counted(number, 'customer')} {what}"] if number else []
    return [f"{', '.join(parts)}."] if parts else []


def _parameters(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Iterable[str]:
    """Say what was asked for otherwise."""
    if before is None:
        return []
    words = {
        "as_of": "The last day that counts",
        "window_days": "The window's days",
        "top_n": "The list's length",
    }
    return [
        f"{title}: {before[name] or 'none'} → {after[name] or 'none'}."
        for name, title in words.items()
        if before[name] != after[name]
    ]


def _names(names: Sequence[str]) -> str:
    first = ", ".join(map(_base, names[:5]))
    return f"{first} and {indian_count(len(names) - 5)} more" if len(names) > 5 else first


def _base(name: str) -> str:
    """Return a delivery's name without its folder.

    >>> _base("incoming/o_2025-11-12.xml"), _base("incoming/repair.xml/orders.xml")
    ('o_2025-11-12.xml', 'repair.xml for orders.xml')
    """
    repair = repairs.repaired(name)
    return f"{_base(repair.file)} for {_base(repair.name)}" if repair else name.rpartition("/")[2]


def _money(cause: Cause) -> str | None:
    return next((cause[name] for name in ("total_revenue", "total_spent") if name in cause), None)


def _amount(column: str, value: Any) -> str:
    if isinstance(value, str):
        return _signed(_paise(value), indian)
    return f"{_signed(value, indian_count)} {column.replace('_', ' ')}"


def _signed(number: int, form: Callable[[int], str]) -> str:
    """Return a difference with its sign.

    >>> _signed(2823000, indian), _signed(-5, indian_count)
    ('+₹28,230.00', '−5')
    """
    return f"{'−' if number < 0 else '+'}{form(abs(number))}"


def _paise(rupees: str | None) -> int:
    return int((rupees or "0.00").replace(".", ""))
