"""What the page tells of a small world, worked out by hand."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from lib import audited, paged
from lib.drops import customers, deliver, orders

from akasa.report import facts, front, tables
from akasa.validate import audits
from akasa.validate.replaced import Replaced
from akasa.workspace.settings import Settings

ASHA, BINA, CHITRA = "9000000001", "9000000002", "9000000003"


@pytest.fixture
def world(workspace: Settings) -> Settings:
    return filled(workspace)


def filled(workspace: Settings) -> Settings:
    """Asha orders in September and October, Bina in October and November, nobody known in November.

    From 13 November Chitra holds Bina's number, and orders; for that day no orders' file came. O-4 loses a
    line.
    """
    nameless = b"customer_id,customer_name,mobile_number,region\nC-4,,9000000004,\n"
    deliver(
        workspace,
        ("customers.csv", customers(("C-1", ASHA, "North"), ("C-2", BINA, "South"))),
        (
            "orders.xml",
            orders(
                ("O-1", ASHA, "2025-09-05", "S-1", 1, "100.00"),
                ("O-2", ASHA, "2025-10-05", "S-1", 1, "200.00"),
                ("O-3", BINA, "2025-10-31", "S-1", 1, "50.00"),
                ("O-3", BINA, "2025-10-31", "", 1, "50.00"),
            ),
        ),
        (
            "incoming/orders_2025-11-12.xml",
            orders(
                ("O-4", BINA, "2025-11-11", "S-1", 1, "30.00"),
                ("O-4", BINA, "2025-11-11", "S-2", 1, "30.00"),
                ("O-5", "9999999999", "2025-11-11", "S-1", 1, "20.00"),
                ("O-6", BINA, "2025-11-10", "S-1", 2, "1.00"),
            ),
        ),
        (
            "incoming/orders_2025-11-14.xml",
            orders(
                ("O-4", BINA, "2025-11-11", "S-2", 1, "15.00"),
                ("O-7", BINA, "2025-11-13", "S-1", 1, "4.00"),
            ),
        ),
        ("incoming/customers_2025-11-13.csv", nameless),
        ("incoming/customers_2025-11-14.csv", customers(("C-3", BINA, "East"))),
    )
    return workspace.model_copy(update={"max_reject_ratio": 1.0})


def test_facts_by_hand(world):
    known = facts.gather(world, *paged.proved(world))
    # O-3 was rejected whole, for its blank SKU.
    assert known.as_of == date(2025, 11, 13)
    assert known.begins == date(2025, 9, 5)
    assert known.revenue == 10000 + 20000 + 1500 + 2000 + 100 + 400
    assert known.largest.values.tolist() == [["O-2", "2025-10-05", 20000]]
    # Now: Asha 2, Bina 2 (O-4 and O-6), Chitra 1; end of October: Asha 2; end of September: Asha 1.
    assert known.came_back == ((2, 3), (1, 1), (0, 1))
    assert known.lacking == (1, 1)
    assert known.replaced == Replaced(fewer_lines=("O-4",))
    assert known.changed_hands["mobile_number"].tolist() == [BINA]
    assert known.named_days == {
        "orders": {date(2025, 11, 12), date(2025, 11, 14)},
        "customers": {date(2025, 11, 13), date(2025, 11, 14)},
    }
    assert known.still_open == 2
    assert known.rejected.values.tolist() == [
        ["orders.xml", "3", "order_rejected", known.rejected["raw"][0]],
        ["orders.xml", "4", "missing_sku_id", known.rejected["raw"][1]],
    ]
    assert known.rejected["raw"][1].startswith("order_id O-3 · ")
    assert "sku_id (blank)" in known.rejected["raw"][1]
    assert known.last_published.tzinfo == ZoneInfo("Asia/Kolkata")
    assert abs((datetime.now(ZoneInfo("UTC")) - known.last_published).total_seconds()) < 600


@pytest.mark.slow
def test_on_mariadb_they_are_the_same(on_mariadb):
    world = filled(on_mariadb())
    known = facts.gather(world, *paged.proved(world))
    assert known.largest.values.tolist() == [["O-2", "2025-10-05", 20000]]
    assert (known.begins, known.came_back) == (date(2025, 9, 5), ((2, 3), (1, 1), (0, 1)))
    assert (known.lacking, known.replaced.fewer_lines) == ((1, 1), ("O-4",))
    assert front.html(known, []).count("<tr>") > 20


def test_what_is_worth_knowing_stands_in_the_order_of_its_weight(world):
    known = facts.gather(world, *paged.proved(world))
    assert front.worth_knowing(known) == [
        "November 2025 is not over: it holds 13 of its 30 days, so a lower bar is no fall.",
        "One order, O-2 of 5 October 2025, is ₹200.00: 58.8 % of all revenue.",  # 200 of 340
        "No orders file came for 13 November 2025.",
        "One order was delivered again with fewer lines than before: O-4. The later version counts.",
        "One order, ₹20.00 or 5.9 % of all revenue, has no known customer.",
        "One phone number changed hands; each order belongs to who held its number on its day.",
        "One customer has no name, one has no region: they read Unknown.",
    ]


def test_of_orders_as_large_the_first_id_is_the_largest(world):
    alike = (
        ("O-10", CHITRA, "2025-11-13", "S-1", 1, "200.00"),
        ("O-9", ASHA, "2025-11-13", "S-1", 1, "200.00"),
    )
    deliver(world, ("incoming/orders_2025-11-15.xml", orders(*alike)))
    assert facts.gather(world, *paged.proved(world)).largest["order_id"].tolist() == ["O-10"]


def test_who_came_back_is_asked_by_the_orders_own_days(world):
    # At the end of November it is Bina's orders that came from the number that Chitra holds. Asha's went to
    # C-5 on the 20th and to C-6 on the 25th, and has an order on each of these days: the new holder's.
    days = {"O-8": "2025-11-20", "O-9": "2025-11-25", "O-10": "2025-12-01"}
    bought = orders(*((order, ASHA, day, "S-1", 1, "1.00") for order, day in days.items()))
    deliver(
        world,
        ("incoming/customers_2025-11-21.csv", customers(("C-5", ASHA, "North"))),
        ("incoming/customers_2025-11-26.csv", customers(("C-6", ASHA, "North"))),
        ("incoming/orders_2025-12-02.xml", bought),
    )
    known = facts.gather(world, *paged.proved(world))
    assert known.came_back == ((3, 5), (2, 5), (1, 1))


def test_the_last_audit_that_passed_is_told_and_what_failed_since(world):
    assert facts.gather(world, *paged.proved(world)).audit is None
    rows = {"orders": 8}
    for made, words in ((13, ""), (14, ""), (15, "No amount is below zero")):
        one = audited.audit(datetime(2025, 11, made, 4, 30, tzinfo=UTC), rows=rows)
        audits.keep(world, audited.broken(one, words, ("O-1", "-5")) if words else one)
    known = facts.gather(world, *paged.proved(world))
    assert (known.audit.number, known.audit.made.isoformat()) == (2, "2025-11-14T10:00:00+05:30")
    assert [one.number for one in known.failed_since] == [3]
    shown = tables.verdicts(known)
    assert [cell.text for cell in shown.rows[0]] == [
        "orders", "No two rows are the same order", "order_id", "0", "✓\u00a0yes",
    ]  # fmt: skip


def test_an_earlier_day_leaves_out_what_came_later(world):
    later = (("O-10", "200.00"), ("O-11", "300.00"))
    bought = orders(*((order, ASHA, "2025-12-01", "S-1", 1, amount) for order, amount in later))
    deliver(world, ("incoming/orders_2025-12-02.xml", bought))
    known = facts.gather(world, *paged.proved(world, as_of="2025-10-31"))
    assert (known.as_of, known.revenue) == (date(2025, 10, 31), 30000)
    assert known.largest["order_id"].tolist() == ["O-2"]
    assert known.came_back == ((1, 1), (1, 1), (0, 1))
    assert known.unmatched.empty
