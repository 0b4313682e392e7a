"""What each new delivery brings, in a row: what the audit asks of deliveries, from literal days."""

from datetime import date, timedelta

import numpy as np
import pytest
from lib.drops import TODAY, customers, deliver, orders, run

from akasa.ingest import staging
from akasa.publish import brought, road
from akasa.validate import judging, verdicts

MONDAY = date(2025, 11, 3)
KNOWN = "9000000001"


def of_a_day(place, *amounts, mobile=KNOWN, number=None):
    """Return a day's file of orders with two lines each; `number` is that of the day in their ids."""
    day = MONDAY + timedelta(days=place)
    lines = [
        (f"O-{place if number is None else number}-{n}", mobile, f"{day} 09:00", sku, 1, amount)
        for n, amount in enumerate(amounts)
        for sku in ("S-1", "S-2")
    ]
    return f"incoming/orders_{day}.xml", orders(*lines)


def accounted(settings, change=None):
    """Return what is told of all that is new, without publishing it."""
    staging.stage_all(settings)
    plan = road.plan(settings, TODAY)
    judged = judging.judge(settings, plan)
    tables = (change or dict)(road.weigh(settings, plan, judged))
    found = brought.accounts(settings, plan.records, plan.deliveries, judged, tables)
    return found.set_index("delivery")


@pytest.fixture
def world(migrated):
    deliver(migrated, ("customers.csv", customers(("C-1", KNOWN, "North"), ("C-2", "12", "North"))))
    return migrated


def test_rows_of_one_delivery_are_all_that_was_accepted(world):
    deliver(world, of_a_day(0, "5.00", "7.00"))
    found = accounted(world)
    counts = found[["records", "accounted", "rows", "rows_due"]]
    assert counts.loc["customers.csv"].tolist() == [2, 2, 1, 1]
    assert counts.loc["incoming/orders_2025-11-03.xml"].tolist() == [4, 4, 4, 4]


def test_what_a_later_delivery_replaces_is_not_due(world):
    deliver(world, of_a_day(0, "5.00", "7.00"), of_a_day(1, "6.00", number=0))
    found = accounted(world)[["rows", "rows_due"]]
    assert found.loc["incoming/orders_2025-11-03.xml"].tolist() == [2, 2]
    assert found.loc["incoming/orders_2025-11-04.xml"].tolist() == [2, 2]


def test_a_row_that_was_lost_on_the_way_is_missed(world):
    deliver(world, of_a_day(0, "5.00", "7.00"))
    lost = accounted(world, lambda tables: {**tables, "order_items": tables["order_items"][:-1]})
    assert lost.loc["incoming/orders_2025-11-03.xml", ["rows", "rows_due"]].tolist() == [3, 4]


def test_orders_of_nobody_are_those_whose_number_is_held_neither_before_nor_now(world):
    run(world)
    deliver(world, of_a_day(0, "5.00", "7.00"), of_a_day(1, "5.00", mobile="9000000002"))
    deliver(world, of_a_day(2, "5.00", mobile="9000000003"))
    deliver(world, ("incoming/customers_2025-11-06.csv", customers(("C-3", "9000000003", "South"))))
    found = accounted(world)["unmatched_ratio"]
    assert found.loc["incoming/orders_2025-11-03.xml"] == 0
    assert found.loc["incoming/orders_2025-11-04.xml"] == 1
    assert found.loc["incoming/orders_2025-11-05.xml"] == 0
    assert np.isnan(found.loc["incoming/customers_2025-11-06.csv"])


def test_revenue_is_measured_by_the_middle_one_of_the_days_before(world):
    """Be they published before or along with it; a total counts once, on however many lines."""
    days = [of_a_day(place, amount) for place, amount in enumerate(["8.00", "9.00", "10.00", "11.00"])]
    deliver(world, *days)
    run(world)
    deliver(world, of_a_day(4, "99.00"), of_a_day(5, "5.00"))
    found = accounted(world)["revenue_ratio"]
    assert np.isnan(found.loc["incoming/orders_2025-11-07.xml"])  # four days before it are too few
    assert found.loc["incoming/orders_2025-11-08.xml"] == 0.5


def test_revenue_of_days_before_is_read_where_the_verdict_did_not_note_it(world):
    deliver(world, *(of_a_day(place, "10.00") for place in range(5)))
    run(world)
    for file in world.judged.glob("orders-*/verdict.json"):
        file.write_text(file.read_text().replace('"revenue_paise": 1000, ', ""))
        assert "revenue" not in file.read_text()
    deliver(world, of_a_day(5, "20.00"))
    assert accounted(world).loc["incoming/orders_2025-11-08.xml", "revenue_ratio"] == 2
    for folder in world.judged.glob("orders-*"):
        (folder / "verdict.json").unlink()
    assert np.isnan(accounted(world).loc["incoming/orders_2025-11-08.xml", "revenue_ratio"])


def test_lines_of_their_own_are_summed(world):
    plan_of_lines = world.model_copy(update={"amount_is": "line"})
    deliver(world, of_a_day(0, "5.00", "7.00"))
    staging.stage_all(world)
    (judged,) = [
        one
        for one in judging.judge(plan_of_lines, road.plan(plan_of_lines, TODAY))
        if one.delivery.kind == "orders"
    ]
    accepted = judged.records.accepted
    assert verdicts.revenue(accepted, "line") == 2400
    assert verdicts.revenue(accepted, "order") == 1200
    assert verdicts.revenue(accepted[:0], "order") == 0
