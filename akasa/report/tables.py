"""The page's tables: labels for people, values as they are read and as they are sorted, files beside them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import pandas as pd

from akasa.kpis.definitions import DEFINITIONS
from akasa.report import periods
from akasa.report.facts import Facts
from akasa.report.formats import indian, indian_count
from akasa.report.periods import Month
from akasa.validate.audits import Finding

Kind = Literal["text", "code", "raw", "count", "paise", "date"]
MOST_ROWS = 200
YES, NO, WARNS = "✓\u00a0yes", "✗\u00a0NO", "!\u00a0warning"
# What a reason code's fields are called in a sentence.
FIELDS = {
    "customer_id": "customer number",
    "order_id": "order number",
    "mobile_number": "mobile number",
    "order_date_time": "date and time",
    "sku_id": "SKU",
    "sku_count": "quantity",
    "total_amount": "amount",
}
LABELS = {
    "customer_id": "Customer",
    "customer_name": "Name",
    "mobile_number": "Mobile",
    "region": "Region",
    "customer_count": "Buyers",
    "order_count": "Orders",
    "total_revenue": "Revenue",
    "total_spent": "Spent",
    "avg_order_value": "Average order",
    "last_order_date": "Last order",
}


@dataclass(frozen=True)
class Column:
    """A column of a frame, as the page shows it.

    One of `low` priority is left out on a phone, one of `lower` on any narrow screen. It is sorted by what
    stands in the column `by`, where that is named.
    """

    name: str
    label: str
    kind: Kind = "text"
    priority: Literal["", "low", "lower"] = ""
    by: str = ""

    @property
    def look(self) -> str:
        """The classes of its cells."""
        kind = {"count": "n", "paise": "n", "code": "code", "raw": "raw", "date": "day"}.get(self.kind, "")
        lower = "low lower" if self.priority == "lower" else self.priority
        return " ".join(filter(None, (kind, lower)))


@dataclass(frozen=True)
class Cell:
    """What is read, and, where it differs, what is sorted by."""

    text: str
    by: str | None = None


@dataclass(frozen=True)
class Table:
    """A table of the page. `links` are (text, address); `name` is that of the page's own CSV.

    `order` is the column by which its rows stand, and whether they descend; `explained` are the addresses of
    what explains the numbers of each row, `command` is what does where that is nowhere.
    """

    name: str
    caption: str
    columns: Sequence[Column]
    frame: pd.DataFrame
    links: Sequence[tuple[str, str]] = ()
    order: tuple[str, bool] | None = None
    has_file: bool = True
    explained: Sequence[str] = ()
    command: str = ""

    @property
    def address(self) -> str:
        return f"tables/{self.name}.csv"

    @property
    def rows(self) -> list[list[Cell]]:
        """The first 200 rows."""
        first = self.frame.head(MOST_ROWS)
        return [list(row) for row in zip(*(_cells(column, first) for column in self.columns), strict=True)]

    @property
    def narrowed(self) -> str:
        """The priority of the columns that are left out first, if any are."""
        found = {column.priority for column in self.columns}
        return next((priority for priority in ("lower", "low") if priority in found), "")

    @property
    def more(self) -> int:
        return max(0, len(self.frame) - MOST_ROWS)


def cell(kind: Kind, value: Any) -> Cell:
    """Return a value as it is read and sorted.

    >>> cell("paise", 893000), cell("text", "Asha")
    (Cell(text='₹8,930.00', by='893000'), Cell(text='Asha', by=None))
    """
    match kind:
        case "paise":
            return Cell(indian(value), str(value))
        case "count" if isinstance(value, int):
            return Cell(indian_count(value), str(value))
        case "date":
            day = date.fromisoformat(str(value)[:10])
            return Cell(f"{day:%d %b %Y}".lstrip("0"), day.isoformat())
    return Cell(str(value))


def _cells(column: Column, frame: pd.DataFrame) -> list[Cell]:
    shown = [cell(column.kind, value) for value in frame[column.name].tolist()]
    by = frame[column.by].tolist() if column.by else [one.by for one in shown]
    return [Cell(one.text, None if key is None else str(key)) for one, key in zip(shown, by, strict=True)]


def of_kpi(kpi: str, facts: Facts, low: Sequence[str] = (), lower: Sequence[str] = ()) -> Table:
    """Return a KPI's table, some of its columns of low priority, some of a lower one."""
    definition = DEFINITIONS[kpi]
    columns = [
        Column(name, LABELS.get(name, name.replace("_", " ").capitalize()), kind, _priority(name, low, lower))
        for name, kind in definition.columns.items()
    ]
    links = (("JSON", f"sql_{kpi}.json"), ("SQL", f"tables/{kpi}.sql"))
    return Table(kpi, f"Each row: {definition.row}.", columns, facts.results[kpi], links, definition.order[0])


def months(facts: Facts) -> Table:
    """Return the months, as words."""
    found = of_kpi("monthly_trends", facts)
    frame = found.frame.assign(
        words=_month_words(facts), place=found.frame["year"] * 12 + found.frame["month"]
    )
    columns = (
        Column("words", "Month", by="place"),
        Column("order_count", "Orders", "count"),
        Column("total_revenue", "Revenue", "paise"),
    )
    return Table(found.name, "Orders and revenue by month", columns, frame, found.links, ("words", False))


def regions(facts: Facts) -> Table:
    found = of_kpi("regional_revenue", facts, low=("customer_count", "avg_order_value"))
    return _captioned(found, "Revenue by region")


def spenders(facts: Facts) -> Table:
    low, lower = ("customer_id", "region", "last_order_date"), ("mobile_number", "avg_order_value")
    return _captioned(_named_first(of_kpi("top_spenders", facts, low, lower)), "Top spenders")


def repeats(facts: Facts) -> Table:
    low = ("customer_id", "mobile_number")
    return _captioned(
        _named_first(of_kpi("repeat_customers", facts, low)), "Customers with more than one order"
    )


def reasons(facts: Facts) -> Table:
    """Return the reasons in full words, with their codes."""
    frame = facts.reasons.assign(words=facts.reasons["meaning"].map(in_words))
    columns = (
        Column("words", "Reason"),
        Column("reason", "Code", "code", priority="low"),
        Column("records", "Records", "count"),
    )
    return Table("reasons", "Records turned away, by reason", columns, frame)


def by_delivery(facts: Facts) -> Table:
    columns = (
        Column("name", "Delivery"),
        Column("records", "Records", "count"),
        Column("accepted", "Accepted", "count", priority="low"),
        Column("rejected", "Turned away", "count"),
        Column("repeats", "Repeats", "count", priority="low"),
    )
    return Table("deliveries", "Records, by delivery, the latest first", columns, facts.ledger.iloc[::-1])


def rejected(facts: Facts) -> Table:
    """Return the first records that were turned away, as they came, with their reasons in words."""
    codes = dict(zip(facts.reasons["reason"], facts.reasons["meaning"], strict=True))
    words = [
        "; ".join(in_words(codes.get(code, code)) for code in each.split())
        for each in facts.rejected["reasons"]
    ]
    place = facts.rejected["delivery"] + ", record\u00a0" + facts.rejected["record"]
    columns = (
        Column("place", "Where"),
        Column("words", "Reason"),
        Column("raw", "As it came", "raw", priority="low"),
    )
    caption = "The first records that were turned away, of each of the latest deliveries"
    return Table("rejected", caption, columns, facts.rejected.assign(words=words, place=place))


def unmatched(facts: Facts) -> Table:
    columns = (
        Column("order_id", "Order"),
        Column("mobile_number", "Mobile"),
        Column("order_date", "Day", "date"),
        Column("total", "Total", "text"),
    )
    return Table("unmatched_orders", "Orders whose number no customer holds", columns, facts.unmatched)


def changed_hands(facts: Facts) -> Table:
    columns = (
        Column("mobile_number", "Mobile"),
        Column("held_by", "Held by"),
        Column("taken_over_by", "Taken over by"),
        Column("from_day", "From", "date"),
    )
    return Table("changed_hands", "Numbers that have another holder now", columns, facts.changed_hands)


def repeated(facts: Facts) -> Table:
    columns = (Column("name", "File"), Column("repeats", "Has the bytes of"))
    return Table(
        "repeated_files", "Files whose bytes were known already", columns, facts.repeated, has_file=False
    )


def totals(facts: Facts) -> Table:
    """Return the control totals, each said once with both sides, money in rupees."""
    columns = (
        Column("check", "Check"),
        Column("left", "One side", priority="low"),
        Column("left_words", "says", "count", by="left_value"),
        Column("right", "The other", priority="low"),
        Column("right_words", "says", "count", "low", "right_value"),
        Column("verdict", "Ties"),
    )
    frame = facts.totals.assign(
        **{side: facts.totals[side].map(_whole).astype("int64") for side in ("left_value", "right_value")}
    )
    words = {
        f"{side}_words": [_amount(*both) for both in zip(frame["check"], frame[f"{side}_value"], strict=True)]
        for side in ("left", "right")
    }
    sides = zip(frame["ties"], words["right_words"], strict=True)
    verdict = [YES if ties else f"{NO}, {other}" for ties, other in sides]
    words["check"] = [check.removesuffix(" in paise").capitalize() for check in frame["check"]]
    return Table("control_totals", "Control totals", columns, frame.assign(**words, verdict=verdict))


def differences(facts: Facts) -> Table:
    columns = [Column(name, name.replace("_", " ").capitalize()) for name in facts.differences]
    return Table("differences", "Values in which engines differ", columns, facts.differences)


def verdicts(facts: Facts) -> Table:
    """Return the last audit's verdicts, in words."""
    columns = (
        Column("table", "Table"),
        Column("words", "Expected"),
        Column("column", "Column", "raw", "low"),
        Column("unexpected", "Rows against it", "count", "low"),
        Column("verdict", "Holds"),
    )
    found = facts.audit.findings if facts.audit else ()
    rows = [(one.table, one.words, ", ".join(one.columns), one.unexpected, _held(one)) for one in found]
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    return Table(
        "audit_verdicts", "What Great Expectations found before anything was published", columns, frame
    )


def _held(one: Finding) -> str:
    return YES if one.success else WARNS if one.severity == "warning" else NO


def in_words(meaning: str) -> str:
    """Return what a reason means, its fields in words, as a sentence begins.

    >>> in_words("mobile_number is absent or blank")
    'Mobile number is absent or blank'
    """
    for name, words in FIELDS.items():
        meaning = meaning.replace(name, words)
    return meaning[:1].upper() + meaning[1:]


def _month_words(facts: Facts) -> list[str]:
    frame = facts.results["monthly_trends"]
    every = [Month(*both) for both in zip(frame["year"].tolist(), frame["month"].tolist(), strict=True)]
    return [_so_far(month, facts.as_of) for month in every]


def _whole(value: Any) -> int:
    """Return a whole number that may be written in groups, as it is where numbers are masked."""
    return int(str(value).replace(",", ""))


def _amount(check: str, value: int) -> str:
    return indian(value) if check.endswith("in paise") else indian_count(value)


def _so_far(month: Month, as_of: date | None) -> str:
    is_open = as_of and month == periods.month_of(as_of) and not periods.is_over(month, as_of)
    return f"{month.words}, so far" if as_of and is_open else month.words


def _priority(name: str, low: Sequence[str], lower: Sequence[str]) -> Literal["", "low", "lower"]:
    return "low" if name in low else "lower" if name in lower else ""


def _captioned(found: Table, caption: str) -> Table:
    return replace(found, caption=caption)


def _named_first(found: Table) -> Table:
    """Put the name, which people know, before the number, which files know."""
    columns = sorted(found.columns, key=lambda column: column.name != "customer_name")
    return replace(found, columns=columns)
