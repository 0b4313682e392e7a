"""What is rejected and why: reason codes for records, judged within one delivery.

Every function is pure. A record is accepted, rejected with all its reasons, or an exact repeat of an
earlier record of the same delivery; the three always add up to the records read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pandas as pd

from akasa.readers import CUSTOMER_FIELDS, ORDER_FIELDS

LONGEST_TEXT = 255

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
    "order_rejected": "a good line whose order is rejected for another line",
}
REQUIRED_OF_CUSTOMERS = ("customer_id", "mobile_number")
CLEAN_NAMES = {"total_amount": "total_amount_paise"}


class GateStopped(RuntimeError):
    """The audit before publishing failed; nothing of the run was published."""


@dataclass(frozen=True)
class Judged:
    """One delivery's records, parted.

    `accepted`: clean records; `rejected`: record, reasons (codes joined by a space), detail, raw fields, raw;
    `repeats`: how many exact repeats were dropped; `warnings`: how many accepted records lack what.
    """

    accepted: pd.DataFrame
    rejected: pd.DataFrame
    repeats: int
    warnings: dict[str, int]

    @property
    def records(self) -> int:
        return len(self.accepted) + len(self.rejected) + self.repeats


def judge_customers(raw: pd.DataFrame, clean: pd.DataFrame) -> Judged:
    """Part one delivery's customers by the rules.

    `raw` is what `readers.read_customers` gave, `clean` what `cleaning.clean_customers` made of it,
    both with the same index. `accepted` has customer_id, customer_name, mobile_number, region.
    """
    well_formed = ~_malformed(raw, CUSTOMER_FIELDS)
    clean = clean.where(well_formed)
    reasons = _own_reasons(raw, clean, REQUIRED_OF_CUSTOMERS, well_formed)
    customer, mobile = clean["customer_id"], clean["mobile_number"]
    known = clean[customer.notna() & mobile.notna()]
    differing = known.drop_duplicates(list(CUSTOMER_FIELDS))["customer_id"]
    reasons["conflicting_customer"] = customer.isin(differing[differing.duplicated()]) & mobile.notna()
    reasons["shared_mobile_number"] = _disagree(mobile.where(customer.notna()), customer)
    judged = _part(raw, clean, reasons, CUSTOMER_FIELDS, well_formed)
    unknown = raw.loc[judged.accepted.index, ["customer_name", "region"]]
    lacking = {f"missing_{name}": int(_blank(unknown[name]).sum()) for name in unknown}
    accepted = judged.accepted[list(CUSTOMER_FIELDS)].reset_index(drop=True)
    return Judged(accepted, judged.rejected, judged.repeats, {k: n for k, n in lacking.items() if n})


def judge_orders(
    raw: pd.DataFrame, clean: pd.DataFrame, delivered_on: date, amount_is: str = "order"
) -> Judged:
    """Part one delivery's order lines by the rules; an order is accepted whole or rejected whole.

    `raw` is what `readers.read_orders` gave, `clean` what `cleaning.clean_orders` made of it, both with the
    same index. `delivered_on` is the date in the delivery's name, or the run's. `accepted` has the lines'
    order_id, mobile_number, order_date_time, order_date, sku_id, sku_count, total_amount_paise.
    """
    well_formed = ~_malformed(raw, ORDER_FIELDS)
    valid = clean.where(well_formed)
    reasons = _own_reasons(raw, valid, ORDER_FIELDS, well_formed)
    latest = pd.Timestamp(delivered_on + timedelta(days=1))
    reasons["future_order"] = valid["order_date"] > latest
    shared = ("mobile_number", "order_date_time", *(["total_amount_paise"] if amount_is == "order" else []))
    order = valid["order_id"]
    reasons["conflicting_order"] = pd.concat([_disagree(order, valid[c]) for c in shared], axis=1).any(axis=1)
    line = valid.groupby(["order_id", "sku_id"], sort=False).ngroup().astype("Int64").where(lambda n: n >= 0)
    per_line = ("sku_count", *(["total_amount_paise"] if amount_is == "line" else []))
    reasons["conflicting_sku"] = pd.concat([_disagree(line, valid[c]) for c in per_line], axis=1).any(axis=1)
    bad = reasons.any(axis=1)
    tainted = clean["order_id"][bad].dropna().unique()
    reasons["order_rejected"] = ~bad & order.isin(tainted)
    judged = _part(raw, valid, reasons, ORDER_FIELDS, well_formed)
    columns = [
        "order_id",
        "mobile_number",
        "order_date_time",
        "order_date",
        "sku_id",
        "sku_count",
        "total_amount_paise",
    ]
    accepted = judged.accepted[columns].astype({"sku_count": "int64", "total_amount_paise": "int64"})
    return Judged(accepted.reset_index(drop=True), judged.rejected, judged.repeats, {})


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


def require_few_rejects(counts: pd.DataFrame, max_reject_ratio: float) -> None:
    """Raise GateStopped for deliveries with a larger share of rejected records than is allowed.

    `counts` has one row a delivery: delivery, records, rejected.
    """
    allowed = Decimal(str(max_reject_ratio))  # a float's 0.29 * 100 is less than 29
    over = counts[[one.rejected > allowed * one.records for one in counts.itertuples()]]
    if len(over):
        shares = [
            f"{one.delivery}: {one.rejected:,} of {one.records:,} records were rejected "
            f"({one.rejected / one.records:.1%}, more than {max_reject_ratio:.1%})"
            for one in over.itertuples()
        ]
        way_out = "See data/rejects/; mend the delivery, or raise MAX_REJECT_RATIO"
        raise GateStopped("; ".join(shares) + f". Nothing was published. {way_out}.")


def _own_reasons(
    raw: pd.DataFrame, clean: pd.DataFrame, required: tuple[str, ...], well_formed: pd.Series
) -> pd.DataFrame:
    """Return one boolean column for each reason that a record has of itself."""
    reasons = {"malformed_record": ~well_formed}
    for field in required:
        missing = _blank(raw[field]) & well_formed
        reasons[f"missing_{field}"] = missing
        if f"invalid_{field}" in REASONS:
            reasons[f"invalid_{field}"] = clean[CLEAN_NAMES.get(field, field)].isna() & well_formed & ~missing
    return pd.DataFrame(reasons)


def _malformed(raw: pd.DataFrame, fields: tuple[str, ...]) -> pd.Series:
    too_long = [raw[field].str.len() > LONGEST_TEXT for field in fields]
    return raw["malformed"].notna() | pd.concat(too_long, axis=1).any(axis=1)


def _blank(text: pd.Series) -> pd.Series:
    return text.isna() | (text.str.strip() == "")


def _disagree(keys: pd.Series, values: pd.Series) -> pd.Series:
    """Mark the rows of each key under which more than one value stands; nulls take no part."""
    pairs = pd.DataFrame({"key": keys, "value": values}).dropna().drop_duplicates()
    several = pairs["key"][pairs["key"].duplicated()]
    return keys.isin(several)


def _part(
    raw: pd.DataFrame,
    clean: pd.DataFrame,
    reasons: pd.DataFrame,
    fields: tuple[str, ...],
    well_formed: pd.Series,
) -> Judged:
    repeated = _repeats(raw.assign(well_formed=well_formed), clean, fields) & well_formed
    bad = reasons.any(axis=1)
    rejected = bad & ~repeated
    return Judged(
        clean[~bad & ~repeated], _explain(raw[rejected], reasons[rejected], fields), int(repeated.sum()), {}
    )


def _repeats(raw: pd.DataFrame, clean: pd.DataFrame, fields: tuple[str, ...]) -> pd.Series:
    """Mark records equal in every field to an earlier one, by clean values; by raw text where not clean."""
    columns: Mapping[str, pd.Series] = {field: clean[CLEAN_NAMES.get(field, field)] for field in fields}
    unclean = {
        f"raw {f}": raw[f].fillna("").where(column.isna())
        for f, column in columns.items()
        if column.isna().any()
    }
    return pd.DataFrame({"well_formed": raw["well_formed"], **columns, **unclean}).duplicated()


def _explain(raw: pd.DataFrame, reasons: pd.DataFrame, fields: tuple[str, ...]) -> pd.DataFrame:
    """Return the rejected records as they came, with all their reason codes."""
    codes = [code for code in REASONS if code in reasons]
    rows = reasons[codes].to_numpy()
    listed = [" ".join(code for code, holds in zip(codes, row, strict=True) if holds) for row in rows]
    long = raw["malformed"].isna() & reasons["malformed_record"]
    detail = raw["malformed"].where(~long, f"a field is longer than {LONGEST_TEXT} characters")
    columns = {"record": raw["record"], "reasons": listed, "detail": detail, **{f: raw[f] for f in fields}}
    return pd.DataFrame({**columns, "raw": raw["raw"]}).reset_index(drop=True)
