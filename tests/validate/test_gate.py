"""The audit before publishing: suites on the accepted tables. To import GX takes seconds."""

import os
import socket

import pandas as pd
import pytest
from lib.stores import EVER, customer, holding, item, order, tables

from akasa.validate import audits, gate
from akasa.validate.gate import GateStopped
from akasa.validate.suites import DELIVERIES, DELIVERY_COLUMNS, suites


@pytest.fixture(autouse=True)
def _nothing_asked_of_the_network(monkeypatch):
    asked = []

    def refuse(*address, **options):
        asked.append(address)
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    yield
    assert asked == []


def by_expectation(verdicts):
    failed = verdicts[~verdicts["success"]]
    return {(row.table, row.column, row.expectation): row.unexpected for row in failed.itertuples()}


def test_good_tables_pass_and_that_is_kept(workspace):
    good = tables([customer("007", "9123456781")], [order("O-1", paise=0)])
    verdicts = gate.audit(good, workspace, ["customers.csv", "orders.xml"])
    assert verdicts["success"].all()
    assert set(verdicts["unexpected"]) == {0}
    asked = {name: len(suite) for name, suite in suites().items() if name in good}
    assert asked == verdicts["table"].value_counts().to_dict()
    gate.require_success(verdicts)
    (kept,) = audits.latest(workspace)
    assert kept.rows == {"customers": 1, "orders": 1, "order_items": 1, "holdings": 1}
    assert (kept.deliveries, kept.max_reject_ratio) == (("customers.csv", "orders.xml"), 0.1)
    assert {(one.unexpected, one.examples, one.error) for one in kept.findings} == {(0, (), "")}
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"


def bad_tables():
    """Break each table's rules: repeated and missing keys, texts too long, numbers out of range."""
    bad = tables(
        [customer("C-1"), customer("C-1"), customer("x" * 256), customer("C-4", "5000000000")],
        [order("O-1", paise=-1), order("O-1", "+919000000001"), order("")],
        [item("O-1"), item("O-1"), item("O-2", count=0), item("O-3", count=-1)],
        [
            holding("C-1"),
            holding("C-2"),
            holding("C-4", "5000000000"),
            holding("C-5", "9000000005", until=EVER),
        ],
    )
    bad["customers"].loc[3, ["customer_name", "region"]] = None
    bad["orders"].loc[0, "mobile_number"] = None
    bad["orders"].loc[2, "order_date_time"] = pd.NaT
    bad["order_items"].loc[2, "sku_id"] = None
    bad["holdings"].loc[1, "customer_id"] = None
    bad["holdings"].loc[2, "from_day"] = pd.NaT
    return bad


def test_bad_tables_fail_and_each_fault_is_counted():
    verdicts = gate.audit(bad_tables())
    unique, known = "expect_column_values_to_be_unique", "expect_column_values_to_not_be_null"
    length, mobile = "expect_column_value_lengths_to_be_between", "expect_column_values_to_match_regex"
    between = "expect_column_values_to_be_between"
    assert by_expectation(verdicts) == {
        ("customers", "customer_id", unique): 2,
        ("customers", "customer_id", length): 1,
        ("customers", "customer_name", known): 1,
        ("customers", "mobile_number", mobile): 1,
        ("customers", "region", known): 1,
        ("holdings", "mobile_number, from_day", "expect_compound_columns_to_be_unique"): 2,
        ("holdings", "mobile_number", mobile): 1,
        ("holdings", "customer_id", known): 1,
        ("holdings", "from_day", known): 1,
        ("holdings", "until_day, from_day", "expect_column_pair_values_a_to_be_greater_than_b"): 1,
        ("orders", "order_id", unique): 2,
        ("orders", "order_id", length): 1,
        ("orders", "mobile_number", known): 1,
        ("orders", "mobile_number", mobile): 1,
        ("orders", "order_date_time", known): 1,
        ("orders", "total_amount_paise", between): 1,
        ("order_items", "order_id, sku_id", "expect_compound_columns_to_be_unique"): 2,
        ("order_items", "sku_id", known): 1,
        ("order_items", "sku_count", between): 2,
    }
    with pytest.raises(GateStopped) as raised:
        gate.require_success(verdicts)
    message = str(raised.value)
    assert message.startswith("the audit failed, nothing was published: ")
    assert f"customers.customer_id: {unique} (2 rows)" in message
    assert f"order_items.sku_count: {between} (2 rows)" in message


def test_rows_that_break_an_expectation_are_kept_by_their_keys(workspace):
    gate.audit(bad_tables(), workspace)
    (kept,) = audits.latest(workspace)
    rows = {(one.table, one.words): one.examples for one in kept.broken}
    assert rows["customers", "No two rows are the same customer"] == (("C-1",), ("C-1",))
    assert rows["customers", "Every customer has a region, if only Unknown"] == (("C-4", ""),)
    assert rows["orders", "No amount is below zero"] == (("O-1", "-1"),)
    assert rows["order_items", "Every quantity is 1 or more, and has nine digits at most"] == (
        ("O-2", "", "0"),
        ("O-3", "SKU-1", "-1"),
    )
    ends = rows["holdings", "A holding that ends does so after the day on which it began"]
    assert ends == (("9000000005", "1000-01-01", "C-5", "1000-01-01"),)


def test_of_many_rows_the_first_twenty_are_kept(workspace):
    many = [order(f"O-{n:02}", paise=-1) for n in range(30)]
    gate.audit({"orders": tables(orders=many)["orders"].iloc[::-1]}, workspace)
    (broken,) = audits.latest(workspace)[0].broken
    assert (broken.unexpected, len(broken.examples), broken.examples[0]) == (30, 20, ("O-29", "-1"))


def test_a_check_that_cannot_be_asked_fails_and_says_so(workspace):
    verdicts = gate.audit(
        {"orders": tables(orders=[order("O-1")])["orders"].drop(columns="order_date_time")}, workspace
    )
    assert verdicts["success"].sum() == len(verdicts) - 1
    (broken,) = audits.latest(workspace)[0].broken
    assert "order_date_time" in broken.error
    with pytest.raises(GateStopped):
        gate.require_success(verdicts)


def test_tables_without_rows_are_passed_over():
    verdicts = gate.audit(tables(orders=[order("O-1")], items=[]))
    assert set(verdicts["table"]) == {"orders"}
    assert verdicts["success"].all()


def test_without_any_rows_nothing_is_kept(workspace):
    verdicts = gate.audit(tables(), workspace)
    assert verdicts.columns.tolist() == [
        "table",
        "expectation",
        "column",
        "severity",
        "success",
        "unexpected",
    ]
    assert len(verdicts) == 0
    gate.require_success(verdicts)
    assert not audits.are_kept(workspace)


def of_delivery(name="incoming/orders_2025-11-12.xml", **changes):
    """Return the row of a delivery in which all is as it should be."""
    good = {"records": 4, "accounted": 4, "rows": 3, "rows_due": 3}
    ratios = {"unmatched_ratio": 0.1, "revenue_ratio": 1.0}
    row = {"delivery": name, **good, **ratios, **changes}
    return pd.DataFrame([row]).astype(DELIVERY_COLUMNS)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"unmatched_ratio": 0.26}, "At most 25 % of a delivery's orders are of numbers that nobody holds"),
        ({"revenue_ratio": 5.1}, "A day's revenue is 0.2 to 5 times what days before it brought"),
        ({"revenue_ratio": 0.1}, "A day's revenue is 0.2 to 5 times what days before it brought"),
    ],
)
def test_a_warning_stops_nothing_and_is_kept_with_what_it_warns_of(workspace, changes, words):
    verdicts = gate.audit({DELIVERIES: of_delivery(**changes)}, workspace)
    assert verdicts["success"].tolist().count(False) == 1
    gate.require_success(verdicts)
    (kept,) = audits.latest(workspace)
    assert (kept.broken, [one.words for one in kept.warned]) == ((), [words])
    (value,) = changes.values()
    assert kept.warned[0].examples == (("incoming/orders_2025-11-12.xml", str(value)),)


@pytest.mark.parametrize("changes", [{"accounted": 3}, {"rows": 2}, {"rows": 4}])
def test_a_lost_row_stops_the_run(changes):
    verdicts = gate.audit({DELIVERIES: of_delivery(**changes)})
    with pytest.raises(
        GateStopped, match=r"deliveries\..*: expect_column_pair_values_to_be_equal \(1 rows\)"
    ):
        gate.require_success(verdicts)


def test_what_is_not_known_of_a_delivery_is_not_asked():
    unknown = of_delivery(rows_due=None, unmatched_ratio=None, revenue_ratio=None)
    assert gate.audit({DELIVERIES: unknown})["success"].all()


def test_limits_are_those_of_the_settings(workspace):
    limits = {"max_unmatched_ratio": 0.5, "min_revenue_ratio": 0.0, "max_revenue_ratio": 100.0}
    lenient = workspace.model_copy(update=limits)
    odd = pd.concat([of_delivery(unmatched_ratio=0.5), of_delivery(revenue_ratio=99)], ignore_index=True)
    assert gate.audit({DELIVERIES: odd}, lenient)["success"].all()


def test_severity_is_what_great_expectations_was_told(workspace):
    verdicts = gate.audit({DELIVERIES: of_delivery()}, workspace)
    told = {(row.column, row.severity) for row in verdicts.itertuples()}
    assert told == {
        ("records, accounted", "critical"),
        ("rows, rows_due", "critical"),
        ("unmatched_ratio", "warning"),
        ("revenue_ratio", "warning"),
    }


def test_no_batch_is_hashed(monkeypatch):
    """It would take as long as all checks together."""
    from great_expectations.execution_engine import pandas_execution_engine

    def refuse(frame):
        raise AssertionError("hashed")

    monkeypatch.setattr(pandas_execution_engine, "hash_pandas_dataframe", refuse)
    assert gate.audit(tables(orders=[order("O-1")]))["success"].all()
