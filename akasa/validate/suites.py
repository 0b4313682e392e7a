"""What the rows of each table have to hold before they are published: the suites of the audit, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from akasa.validate import cleaning
from akasa.workspace import tables
from akasa.workspace.settings import Settings
from akasa.workspace.tables import LONGEST_TEXT

Severity = Literal["critical", "warning"]

# What is asked of each delivery that is to be published, beside its rows: a table of its own for the audit.
DELIVERIES = "deliveries"
KEYS = {**tables.KEYS, DELIVERIES: ("delivery",)}
DELIVERY_COLUMNS = {
    "delivery": "str",
    "records": "int64",
    "accounted": "int64",
    "rows": "int64",
    "rows_due": "Int64",
    "unmatched_ratio": "float64",
    "revenue_ratio": "float64",
}


@dataclass(frozen=True)
class Check:
    """One expectation of Great Expectations, with its arguments.

    `words` say what has to hold, `protects` what would be wrong without it. `reasons` are the codes for
    which the rules should have turned such a record away before. One that is `critical` stops the run where
    it does not hold; a `warning` is told in the report.
    """

    expectation: str
    arguments: Mapping[str, Any]
    words: str
    protects: str
    reasons: tuple[str, ...] = ()
    severity: Severity = "critical"

    @property
    def columns(self) -> tuple[str, ...]:
        given = self.arguments
        pair = [given[side] for side in ("column_A", "column_B") if side in given]
        return (given["column"],) if "column" in given else tuple(given.get("column_list", pair))


@dataclass(frozen=True)
class Limits:
    """Between what deliveries may lie without a warning: the settings of these names."""

    max_unmatched_ratio: float = Settings.model_fields["max_unmatched_ratio"].default
    min_revenue_ratio: float = Settings.model_fields["min_revenue_ratio"].default
    max_revenue_ratio: float = Settings.model_fields["max_revenue_ratio"].default

    @classmethod
    def of(cls, settings: Settings | None) -> "Limits":
        return cls(**{name: getattr(settings, name) for name in cls.__annotations__}) if settings else cls()


def suites(settings: Settings | None = None) -> dict[str, list[Check]]:
    """Return table → what its rows have to hold, within the limits of the settings."""
    return {
        "customers": _customers(),
        "orders": _orders(),
        "order_items": _items(),
        "holdings": _holdings(),
        DELIVERIES: _deliveries(Limits.of(settings)),
    }


def _customers() -> list[Check]:
    return [
        _unique(
            ("customer_id",),
            "No two rows are the same customer",
            "A customer in two rows would be counted twice, and in two regions.",
            "conflicting_customer",
        ),
        _known(
            "customer_id",
            "Every customer has a number",
            "Orders are told by customer; one without a number belongs to nobody.",
            "missing_customer_id",
        ),
        _short("customer_id", "A customer number"),
        _known(
            "customer_name",
            "Every customer has a name, if only Unknown",
            "A list of spenders with a blank name helps nobody.",
        ),
        _known(
            "mobile_number",
            "Every customer has a mobile number",
            "It is the only tie between customers and orders.",
            "missing_mobile_number",
        ),
        _mobile(),
        _known(
            "region",
            "Every customer has a region, if only Unknown",
            "Revenue of a blank region would stand in no row of the regions.",
        ),
    ]


def _orders() -> list[Check]:
    return [
        _unique(
            ("order_id",),
            "No two rows are the same order",
            "The total of an order stands on each of its lines, and counts once.",
            "conflicting_order",
        ),
        _known(
            "order_id",
            "Every order has a number",
            "Lines without it cannot be told apart from other orders' lines.",
            "missing_order_id",
        ),
        _short("order_id", "An order number"),
        _known(
            "mobile_number",
            "Every order has a mobile number",
            "Without it, nobody can tell whose order it is.",
            "missing_mobile_number",
        ),
        _mobile(),
        _known(
            "order_date_time",
            "Every order has a date and time",
            "It decides about the month, and about who held the number then.",
            *("missing_order_date_time", "invalid_order_date_time"),
        ),
        _known(
            "total_amount_paise",
            "Every order has an amount",
            "A blank amount would count as an order, and as no revenue.",
            *("missing_total_amount", "invalid_total_amount"),
        ),
        Check(
            "expect_column_values_to_be_between",
            {"column": "total_amount_paise", "min_value": 0},
            "No amount is below zero",
            "A negative amount would lower the revenue in silence.",
            ("invalid_total_amount",),
        ),
    ]


def _items() -> list[Check]:
    return [
        _unique(
            ("order_id", "sku_id"),
            "No two rows are the same SKU of one order",
            "A line that came twice would sell the same thing twice.",
            *("conflicting_sku", "repeated_line"),
        ),
        _known("order_id", "Every line names its order", "It would be in no total.", "missing_order_id"),
        _known("sku_id", "Every line names its SKU", "Nobody could say what was sold.", "missing_sku_id"),
        _short("sku_id", "A SKU"),
        Check(
            "expect_column_values_to_be_between",
            {
                "column": "sku_count",
                "min_value": cleaning.LEAST_COUNT,
                "max_value": cleaning.MOST_COUNT,
            },
            "Every quantity is 1 or more, and has nine digits at most",
            "Nothing, or less than nothing, was not sold.",
            ("missing_sku_count", "invalid_sku_count"),
        ),
    ]


def _holdings() -> list[Check]:
    return [
        _unique(
            ("mobile_number", "from_day"),
            "Nobody takes over a number on the day on which another one does",
            "An order of that day would belong to two customers, and its money count twice.",
            "shared_mobile_number",
        ),
        _mobile(),
        _known(
            "customer_id",
            "Every number that is held has a holder",
            "Orders from it would belong to a customer without a number.",
            "missing_customer_id",
        ),
        _known(
            "from_day",
            "Every holding begins on some day",
            "Without it, nobody can tell which orders are whose.",
        ),
        Check(
            "expect_column_pair_values_a_to_be_greater_than_b",
            {"column_A": "until_day", "column_B": "from_day", "ignore_row_if": "either_value_is_missing"},
            "A holding that ends does so after the day on which it began",
            "A holding that ends first would hold no order, and hide who was the holder.",
        ),
    ]


def _deliveries(limits: Limits) -> list[Check]:
    share = f"{limits.max_unmatched_ratio * 100:.4g} %"
    least, most = f"{limits.min_revenue_ratio:g}", f"{limits.max_revenue_ratio:g}"
    return [
        Check(
            "expect_column_pair_values_to_be_equal",
            {"column_A": "records", "column_B": "accounted"},
            "Accepted, rejected and repeated records of a delivery are all that were read",
            "A record that is in none of the three was lost.",
        ),
        Check(
            "expect_column_pair_values_to_be_equal",
            {"column_A": "rows", "column_B": "rows_due", "ignore_row_if": "either_value_is_missing"},
            "All that was accepted of a delivery stands in the tables, unless a later delivery replaces it",
            "An order would be missing in every number, or be there twice.",
        ),
        Check(
            "expect_column_values_to_be_between",
            {"column": "unmatched_ratio", "min_value": 0, "max_value": limits.max_unmatched_ratio},
            f"At most {share} of a delivery's orders are of numbers that nobody holds",
            "Their revenue is in no region: a customers file may lack.",
            severity="warning",
        ),
        Check(
            "expect_column_values_to_be_between",
            {
                "column": "revenue_ratio",
                "min_value": limits.min_revenue_ratio,
                "max_value": limits.max_revenue_ratio,
            },
            f"A day's revenue is {least} to {most} times what days before it brought",
            "Amounts in another unit, or half a file, are right row by row.",
            severity="warning",
        ),
    ]


def _unique(columns: tuple[str, ...], words: str, protects: str, *reasons: str) -> Check:
    if len(columns) == 1:
        return Check("expect_column_values_to_be_unique", {"column": columns[0]}, words, protects, reasons)
    arguments = {"column_list": list(columns)}
    return Check("expect_compound_columns_to_be_unique", arguments, words, protects, reasons)


def _known(column: str, words: str, protects: str, *reasons: str) -> Check:
    return Check("expect_column_values_to_not_be_null", {"column": column}, words, protects, reasons)


def _short(column: str, what: str) -> Check:
    return Check(
        "expect_column_value_lengths_to_be_between",
        {"column": column, "min_value": 1, "max_value": LONGEST_TEXT},
        f"{what} has 1 to {LONGEST_TEXT} characters",
        "A database would cut off a longer one, and make one of two.",
        ("malformed_record",),
    )


def _mobile() -> Check:
    return Check(
        "expect_column_values_to_match_regex",
        {"column": "mobile_number", "regex": f"^{cleaning.NATIONAL_NUMBER}$"},
        "Every mobile number is ten digits and begins with 6, 7, 8 or 9",
        "One number in two spellings would be two customers.",
        ("invalid_mobile_number",),
    )
