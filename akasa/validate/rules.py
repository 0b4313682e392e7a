"""What is rejected and why: reason codes for records, judged within one delivery.

Every function is pure. A record is accepted, rejected with all its reasons, or an exact repeat of an
earlier record of the same delivery; the three always add up to the records read.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from akasa.ingest.readers import CUSTOMER_FIELDS, ORDER_FIELDS
from akasa.validate import cleaning
from akasa.workspace.tables import LONGEST_TEXT, MOST_PAISE, ORDER_LINE, line_types

Codes: TypeAlias = np.ndarray  # whole numbers that stand for a column's values; -1 for null
Mask: TypeAlias = np.ndarray
Records: TypeAlias = pd.DataFrame | pa.Table

# Of all that decides what becomes of a record: readers, cleaning, and the rules below. To be raised where a
# delivery may be judged otherwise than before; what was judged by an older version stays until a backfill.
RULES_VERSION = 1

REASONS = {
    "malformed_record": "the record cannot be taken apart into its fields",
    "missing_customer_id": "customer_id is absent or blank",
    "missing_order_id": "order_id is absent or blank",
    "missing_mobile_number": "mobile_number is absent or blank",
    "missing_order_date_time": "order_date_time is absent or blank",
    "missing_sku_id": "sku_id is absent or blank",
    "missing_sku_count": "sku_count is absent or blank",
    "missing_total_amount": "total_amount is absent or blank",
    "invalid_mobile_number": "not an Indian mobile number of ten digits",
    "invalid_order_date_time": "not a date and time of an accepted form",
    "invalid_sku_count": "not a positive whole number",
    "invalid_total_amount": "not an amount of rupees and paise",
    "future_order": "later than the day after the delivery's date",
    "conflicting_customer": "one customer_id with different values in one delivery",
    "shared_mobile_number": "one mobile number claimed by two customers in one delivery",
    "conflicting_order": "lines of one order disagree on mobile number, time or total",
    "conflicting_sku": "one SKU of one order with different counts in one delivery",
    "repeated_line": "AMOUNT_IS=line: two equal lines of one SKU, which may be one or two",
    "order_rejected": "a good line whose order is rejected for another line",
}
WARNINGS = ("missing_customer_name", "missing_region", "invisible_characters")  # in this order
REQUIRED_OF_CUSTOMERS = ("customer_id", "mobile_number")
# What can be there and yet be wrong; any other text is right.
HAVE_A_FORM = ("mobile_number", "order_date_time", "sku_count", "total_amount")
CLEAN_NAMES = {"total_amount": "total_amount_paise"}
TOO_LONG = f"a field is longer than {LONGEST_TEXT} characters"
CONTROLLED = "a control character in a field"
TOO_MUCH = "the order's lines come to more than ₹92,23,37,20,36,85,47,758.07"  # MOST_PAISE


class Numbers(Protocol):
    """How many of a delivery's records were accepted, rejected, repeats; their lines beyond one each."""

    @property
    def accepted_count(self) -> int: ...
    @property
    def rejected_count(self) -> int: ...
    @property
    def repeats(self) -> int: ...
    @property
    def more_lines(self) -> int: ...
    @property
    def more_rejected(self) -> int: ...


class Counted:
    """What follows from these numbers."""

    @property
    def count(self: Numbers) -> int:
        return self.accepted_count + self.rejected_count + self.repeats

    @property
    def lines(self: Numbers) -> int:
        """The lines of a CSV that its records take; of an XML, its records."""
        return self.accepted_count + self.rejected_count + self.repeats + self.more_lines

    @property
    def rejected_lines(self: Numbers) -> int:
        return self.rejected_count + self.more_rejected


@dataclass(frozen=True)
class Parted(Counted):
    """One delivery's records, or a part of them, judged.

    `accepted`: clean records; `rejected`: record, reasons (codes joined by a space), detail, raw fields, raw;
    `repeats`: how many exact repeats were dropped; `warnings`: how many records lack or hold what.
    `more_lines` are the lines of its records beyond one each, `more_rejected` those of the rejected ones.
    """

    accepted: pd.DataFrame
    rejected: pd.DataFrame
    repeats: int
    warnings: dict[str, int]
    more_lines: int = 0
    more_rejected: int = 0

    @property
    def accepted_count(self) -> int:
        return len(self.accepted)

    @property
    def rejected_count(self) -> int:
        return len(self.rejected)

    def rejected_parts(self) -> Iterator[pd.DataFrame]:
        """Yield the rejected records, of which not all need be in memory."""
        yield self.rejected


def judge_customers(raw: Records, clean: pd.DataFrame, shared: pa.Array | None = None) -> Parted:
    """Part one delivery's customers by the rules.

    `raw` is what `readers.read_customers` gave, `clean` what `cleaning.clean_customers` made of it, row by
    row. `accepted` has customer_id, customer_name, mobile_number, region. Of a part of a delivery, `shared`
    are the numbers that customers of several parts claim: see `claimed`.
    """
    raw = _table(raw)
    controlled = _controlled(raw, clean, CUSTOMER_FIELDS)
    well_formed = ~_malformed(raw, clean, CUSTOMER_FIELDS) & ~controlled
    reasons = _own_reasons(raw, clean, REQUIRED_OF_CUSTOMERS, well_formed)
    customer = np.where(well_formed, _codes(clean["customer_id"]), -1)
    mobile = np.where(customer >= 0, _codes(clean["mobile_number"]), -1)
    known = mobile >= 0
    versions = clean.groupby(list(CUSTOMER_FIELDS), sort=False, dropna=False).ngroup().to_numpy()
    reasons["conflicting_customer"] = known & _disagree(customer, np.where(known, versions, -1))
    reasons["shared_mobile_number"] = _disagree(mobile, customer)
    if shared is not None:
        others = np.asarray(pc.is_in(pa.array(clean["mobile_number"], pa.string()), value_set=shared))
        reasons["shared_mobile_number"] |= others & known
    repeated = _repeats(raw, clean, CUSTOMER_FIELDS, customer, well_formed)
    details = {CONTROLLED: controlled, TOO_LONG: ~well_formed}
    marks = _mark(raw, reasons, details, CUSTOMER_FIELDS, repeated)
    unknown = _rows(raw.select(["customer_name", "region"]), marks.accepted)
    lacking = {f"missing_{name}": int(_blank(unknown[name]).sum()) for name in unknown}
    accepted = clean.loc[marks.accepted, list(CUSTOMER_FIELDS)].reset_index(drop=True)
    warnings = {what: count for what, count in (lacking | _invisible(raw, CUSTOMER_FIELDS)).items() if count}
    lines = _more_lines(raw), _more_lines(pa.Table.from_pandas(marks.rejected))
    return Parted(accepted, marks.rejected, marks.repeats, warnings, *lines)


def claimed(raw: Records, clean: pd.DataFrame) -> pa.Array:
    """Return the numbers that a part of a delivery's customers claim, each once."""
    raw = _table(raw)
    bad = _malformed(raw, clean, CUSTOMER_FIELDS) | _controlled(raw, clean, CUSTOMER_FIELDS)
    claims = clean["mobile_number"][~bad & clean["customer_id"].notna().to_numpy()]
    return pa.array(claims, pa.string(), from_pandas=True).drop_null().unique()


def judge_orders(raw: Records, clean: pd.DataFrame, delivered_on: date, amount_is: str = "order") -> Parted:
    """Part one delivery's order lines by the rules; an order is accepted whole or rejected whole.

    `raw` is what `readers.read_orders` gave, `clean` what `cleaning.clean_orders` made of it, row by row.
    `delivered_on` is the date in the delivery's name, or the run's. `accepted` has the lines'
    order_id, mobile_number, order_date_time, order_date, sku_id, sku_count, total_amount_paise.
    """
    raw = _table(raw)
    controlled = _controlled(raw, clean, ORDER_FIELDS)
    well_formed = ~_malformed(raw, clean, ORDER_FIELDS) & ~controlled
    reasons = _own_reasons(raw, clean, ORDER_FIELDS, well_formed)
    latest = np.datetime64(delivered_on + timedelta(days=1))
    reasons["future_order"] = well_formed & (clean["order_date"].to_numpy() > latest)
    named = _codes(clean["order_id"])
    order = np.where(well_formed, named, -1)
    line = _pairs(order, _codes(clean["sku_id"]))
    per_order, per_line = ["mobile_number", "order_date_time"], ["sku_count"]
    (per_order if amount_is == "order" else per_line).append("total_amount_paise")
    reasons["conflicting_order"] = _any(_disagree(order, _codes(clean[field])) for field in per_order)
    reasons["conflicting_sku"] = _any(_disagree(line, _codes(clean[field])) for field in per_line)
    repeated = _repeats(raw, clean, ORDER_FIELDS, line, well_formed)
    details = {CONTROLLED: controlled, TOO_LONG: ~well_formed}
    if amount_is == "line":
        details[TOO_MUCH] = _too_much(order, clean["total_amount_paise"])
        reasons["invalid_total_amount"] |= details[TOO_MUCH]
        equal = _repeats(raw, clean, ORDER_FIELDS, line, well_formed, keep=False)
        reasons["repeated_line"] = equal & (line >= 0)
        repeated &= ~reasons["repeated_line"]
    bad = _any(reasons.values())
    reasons["order_rejected"] = ~bad & _is_in(order, named[bad])
    marks = _mark(raw, reasons, details, ORDER_FIELDS, repeated)
    accepted = clean.loc[marks.accepted, list(ORDER_LINE)].astype(line_types())
    warnings = {what: count for what, count in _invisible(raw, ORDER_FIELDS).items() if count}
    return Parted(accepted.reset_index(drop=True), marks.rejected, marks.repeats, warnings)


def orders_of(lines: pd.DataFrame, amount_is: str = "order") -> pd.DataFrame:
    """Return one row an order: order_id, mobile_number, order_date_time, order_date, total_amount_paise.

    An order's total stands on each of its lines and counts once; with `amount_is="line"` the lines' amounts
    are summed.
    """
    orders = lines.drop_duplicates("order_id")[
        ["order_id", "mobile_number", "order_date_time", "order_date", "total_amount_paise"]
    ].reset_index(drop=True)
    if amount_is == "line":
        totals = lines.groupby("order_id", sort=False)["total_amount_paise"].sum()
        orders = orders.assign(total_amount_paise=orders["order_id"].map(totals).astype("int64"))
    return orders


def items_of(lines: pd.DataFrame, amount_is: str = "order") -> pd.DataFrame:
    """Return one row an order line: order_id, sku_id, sku_count, amount_paise (null unless per line)."""
    amount = lines["total_amount_paise"].astype("Int64")
    items = lines[["order_id", "sku_id", "sku_count"]].assign(amount_paise=amount)
    return (
        items if amount_is == "line" else items.assign(amount_paise=pd.array([pd.NA] * len(items), "Int64"))
    )


@dataclass(frozen=True)
class _Marks:
    accepted: Mask
    rejected: pd.DataFrame
    repeats: int


def _table(raw: Records) -> pa.Table:
    return raw if isinstance(raw, pa.Table) else pa.Table.from_pandas(raw, preserve_index=False)


def _rows(raw: pa.Table, chosen: Mask) -> pd.DataFrame:
    return raw.filter(pa.array(chosen)).to_pandas()


def _more_lines(records: pa.Table) -> int:
    """Count the line breaks in the fields of customers, or in the text of those that are malformed."""
    texts = (_strings(records[name]) for name in (*CUSTOMER_FIELDS, "raw"))
    return sum(pc.sum(pc.count_substring_regex(text, r"\r\n?|\n")).as_py() or 0 for text in texts)


def _invisible(raw: pa.Table, fields: tuple[str, ...]) -> dict[str, int]:
    """Count the records that had characters dropped which nobody can see."""
    joined = ("customer_name", "region")
    marks = [cleaning.has_invisible(_strings(raw[field]), field in joined) for field in fields]
    return {"invisible_characters": int(np.count_nonzero(_any(marks)))}


def _strings(text: pa.ChunkedArray) -> pa.ChunkedArray:
    return text.cast(pa.string())


def _own_reasons(
    raw: pa.Table, clean: pd.DataFrame, required: tuple[str, ...], well_formed: Mask
) -> dict[str, Mask]:
    """Return, for each reason that a record has of itself, the records that have it."""
    reasons = {"malformed_record": ~well_formed}
    for field in required:
        missing = clean[CLEAN_NAMES.get(field, field)].isna().to_numpy() & well_formed
        if field in HAVE_A_FORM:
            invalid = missing.copy()
            invalid[missing] = ~_blank(_rows(raw.select([field]), missing)[field])
            reasons[f"invalid_{field}"], missing = invalid, missing & ~invalid
        reasons[f"missing_{field}"] = missing
    return reasons


def _malformed(raw: pa.Table, clean: pd.DataFrame, fields: tuple[str, ...]) -> Mask:
    """Mark records that a reader could not take apart, and those with a text that no table holds.

    Text is measured clean, as it is stored: Unicode's NFC can be longer than what came.
    """
    texts = [pa.array(clean[field], pa.string()) for field in fields if field not in HAVE_A_FORM]
    too_long = (pc.greater(pc.utf8_length(text), LONGEST_TEXT).fill_null(False) for text in texts)
    return _any(np.asarray(mask) for mask in (raw["malformed"].is_valid(), *too_long))


def _controlled(raw: pa.Table, clean: pd.DataFrame, fields: tuple[str, ...]) -> Mask:
    """Mark records with a control character: in a field as it came, but for those that are a kind of space;
    in a text as it would be stored, any.
    """
    texts = (pa.array(clean[field], pa.string()) for field in fields if field not in HAVE_A_FORM)
    came = (cleaning.has_control(_strings(raw[field])) for field in fields)
    return _any((*came, *(cleaning.has_control(text, of_any_kind=True) for text in texts)))


def _any(masks: Iterable[Mask]) -> Mask:
    return reduce(np.logical_or, masks)


def _blank(text: pd.Series) -> pd.Series:
    """Mark what has nothing to be seen in it."""
    visible = pd.Series(cleaning.visible(pa.array(text, pa.string(), from_pandas=True)).to_pandas())
    return text.isna() | (visible.str.strip() == "").set_axis(text.index)


def _codes(values: pd.Series) -> Codes:
    """Number a column's distinct values; nulls are -1."""
    codes: Codes = pd.factorize(values)[0]
    return codes


def _pairs(one: Codes, other: Codes) -> Codes:
    """Number the distinct pairs of two columns' values; -1 where either is null."""
    both = (one >= 0) & (other >= 0)
    numbers = pd.factorize(one * (other.max(initial=0) + 1) + other)[0]
    return np.where(both, numbers, -1)


def _disagree(keys: Codes, values: Codes) -> Mask:
    """Mark the rows of each key under which more than one value stands; nulls take no part."""
    known = (keys >= 0) & (values >= 0)
    of_key = np.full(keys.max(initial=-1) + 1, -1)
    of_key[keys[known]] = values[known]
    return _is_in(keys, keys[known][of_key[keys[known]] != values[known]])


def _is_in(keys: Codes, chosen: Codes) -> Mask:
    """Mark the rows whose key is among the chosen ones; nulls never are."""
    flags = np.zeros(max(keys.max(initial=-1), chosen.max(initial=-1)) + 2, bool)
    flags[chosen] = True
    flags[-1] = False
    return np.asarray(flags[keys])


def _too_much(order: Codes, paise: "pd.Series[Any]") -> Mask:
    """Mark the lines of each order whose amounts add up to more than MOST_PAISE; nulls take no part."""
    known = (order >= 0) & paise.notna().to_numpy()
    amounts = paise[known].to_numpy("int64")
    if int(amounts.max(initial=0)) * len(amounts) <= MOST_PAISE:
        return np.zeros(len(order), bool)
    wide = pa.decimal128(38)
    lines = pa.table({"order": order[known], "paise": pa.array(amounts).cast(wide)})
    sums = lines.group_by("order").aggregate([("paise", "sum")])
    beyond = sums.filter(pc.greater(sums["paise_sum"], pa.scalar(MOST_PAISE).cast(wide)))
    return np.asarray(known & _is_in(order, beyond["order"].to_numpy()))


def _mark(
    raw: pa.Table,
    reasons: Mapping[str, Mask],
    details: Mapping[str, Mask],
    fields: tuple[str, ...],
    repeated: Mask,
) -> _Marks:
    bad = _any(reasons.values())
    rejected = bad & ~repeated
    explained = _explain(raw, rejected, reasons, details, fields)
    return _Marks(~bad & ~repeated, explained, int(repeated.sum()))


def _repeats(
    raw: pa.Table,
    clean: pd.DataFrame,
    fields: tuple[str, ...],
    keys: Codes,
    well_formed: Mask,
    keep: Literal["first", False] = "first",
) -> Mask:
    """Mark well-formed records equal in every field to an earlier one; with `keep=False`, to any other.

    Only those whose key comes more than once, or who have none (-1), are looked at.
    """
    again = (keys < 0) | pd.Series(keys).duplicated(keep=False).to_numpy()
    told_apart = _told_apart(_rows(raw, again), clean[again], fields).assign(well_formed=well_formed[again])
    repeated = np.zeros(len(raw), bool)
    repeated[again] = told_apart.duplicated(keep=keep)
    return np.asarray(repeated & well_formed)


def _told_apart(raw: pd.DataFrame, clean: pd.DataFrame, fields: tuple[str, ...]) -> pd.DataFrame:
    """Return what makes two records equal: their clean values, and the raw text of those that have none."""
    columns: Mapping[str, pd.Series] = {
        field: clean[CLEAN_NAMES.get(field, field)].reset_index(drop=True) for field in fields
    }
    unclean = {
        f"raw {f}": raw[f].fillna("").where(column.isna())
        for f, column in columns.items()
        if column.isna().any()
    }
    return pd.DataFrame({**columns, **unclean})


def _explain(
    records: pa.Table,
    rejected: Mask,
    reasons: Mapping[str, Mask],
    details: Mapping[str, Mask],
    fields: tuple[str, ...],
) -> pd.DataFrame:
    """Return the rejected records as they came, with all their reason codes, and a detail where one helps."""
    raw = _rows(records, rejected)
    codes = [code for code in REASONS if code in reasons]
    rows = np.column_stack([reasons[code][rejected] for code in codes])
    listed = [" ".join(code for code, holds in zip(codes, row, strict=True) if holds) for row in rows]
    detail = raw["malformed"]  # what a reader says comes first
    for text, told in details.items():
        detail = detail.mask(detail.isna() & told[rejected], text)
    columns = {"record": raw["record"], "reasons": listed, "detail": detail, **{f: raw[f] for f in fields}}
    return pd.DataFrame({**columns, "raw": raw["raw"]}).reset_index(drop=True)
