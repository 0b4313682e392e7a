"""Explanations beside what is known: the reference's values, and the delivered bytes themselves."""

from decimal import Decimal

from lib import reference

from akasa.kpis.definitions import DEFINITIONS
from akasa.trace import answer, question

MONEY = {"total_revenue", "avg_order_value", "total_spent"}


def every(cfg, kpi, where=None, **options):
    """Return the answer of all rows of a KPI, or of some."""
    return answer.answered(answer.explain(cfg, question.ask(cfg, kpi, where or {}, **options)))


def of(cfg, kpi, where, **options):
    """Return the one row that is asked for."""
    (row,) = every(cfg, kpi, where, **options)["rows"]
    return row


def against_reference(cfg, published, **options):
    """Hold every row of every KPI against the reference: value, orders, owners, totals, lines.

    `published` is what the reference publishes.
    """
    known = reference.kpis(published, **options)
    given = {**options, **({"as_of": str(options["as_of"])} if options.get("as_of") else {})}
    for kpi in DEFINITIONS:
        if not known[kpi]:
            continue
        found = every(cfg, kpi, **given)["rows"]
        assert [row["value"] for row in found] == reference.kpi_json(kpi, known[kpi])
        for row in found:
            assert row["differences"] == [], (kpi, row["key"])
            assert row["adds_up"]
            _hold_row(cfg, kpi, row, published)


def _hold_row(cfg, kpi, row, published):
    value, orders = row["value"], row["orders"]
    assert len(orders) == row["order_count"] == value["order_count"]
    for column in MONEY & value.keys() - {"avg_order_value"}:
        assert sum(Decimal(order["total"]) for order in orders) == Decimal(value[column])
    days = row["by_delivery_and_day"]
    assert sum(day["orders"] for day in days) == len(orders)
    assert sum(Decimal(day["total"]) for day in days) == sum(Decimal(order["total"]) for order in orders)
    for order in orders:
        true = published["orders"][order["order_id"]]
        owner = reference.holder(published["claims"], true["mobile_number"], true["order_date"])
        assert order["mobile_number"] == true["mobile_number"]
        assert order["order_date"] == true["order_date"].isoformat()
        assert order["customer_id"] == owner
        assert order["total"] == reference.rupees(true["total_amount_paise"])
        assert len(order["lines"]) == len(true["items"])
        assert {line["delivery"] for line in order["lines"]} == {true["delivery"]}
        for line in order["lines"]:
            assert stands_there(cfg, line), line


def stands_there(cfg, line):
    """Say whether a line's raw text begins in its file's line, and goes on as the file does."""
    content = (cfg.data_dir / line["delivery"]).read_bytes().decode("utf-8-sig")
    behind = content.split("\n", line["line"] - 1)[-1]
    begins = behind.find(line["raw"])
    return begins >= 0 and "\n" not in behind[:begins]
