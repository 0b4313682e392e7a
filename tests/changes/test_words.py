"""A small world by hand: what moved, in sentences; and what a run says that has nothing to compare with."""

import json
import shutil
from zoneinfo import ZoneInfo

import jsonschema
import pytest
from lib import compared
from lib.drops import customers, deliver, orders

from akasa.publish import withdraw
from akasa.report import since
from akasa.stores import migrate
from akasa.workspace.settings import ROOT, load

A, B, C, D, E = (f"900000000{n}" for n in range(1, 6))
SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "docs/changes.schema.json").read_text("utf-8")))
ZONE = ZoneInfo("Asia/Kolkata")
FIRST = (
    ("customers.csv", customers(("C-1", A, "West"), ("C-7", B, "South"), ("C-3", C, "East"))),
    (
        "orders.xml",
        orders(
            ("O-1", A, "2025-11-01", "S-1", 1, "4400.00"),
            ("O-2", B, "2025-11-02", "S-1", 1, "100.00"),
            ("O-3", C, "2025-10-05", "S-1", 1, "70.00"),
            ("O-4", D, "2025-11-03", "S-1", 1, "9.00"),
        ),
    ),
)
NOT_EXPLAINED = {one: {"order_count": -1, one: "-100.00"} for one in ("total_revenue", "total_spent")}
# C-7 moves from South to West, C-9 turns out to hold D, O-1 is corrected, four orders are new.
SECOND = (
    ("incoming/customers_2025-11-12.csv", customers(("C-7", B, "West"), ("C-9", D, "East"))),
    (
        "incoming/orders_2025-11-12.xml",
        orders(
            ("O-1", A, "2025-11-01", "S-1", 1, "4900.00"),
            *((f"O-1{n}", A, "2025-11-11", "S-1", 1, "1000.00") for n in range(4)),
        ),
    ),
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A workspace after two runs, and what each said."""
    cfg = of(tmp_path_factory.mktemp("built"))
    migrate.upgrade(cfg)
    deliver(cfg, *FIRST)
    first = compared.run(cfg, "first")
    deliver(cfg, *SECOND)
    return cfg, first, compared.run(cfg, "second")


@pytest.fixture
def second(built, tmp_path):
    """A copy of it, for this test alone."""
    cfg, *said = built
    shutil.copytree(cfg.data_dir.parent, tmp_path, dirs_exist_ok=True)
    return of(tmp_path), *said


def of(folder):
    for name in ("data/incoming", "outputs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return load(data_dir=folder / "data", output_dir=folder / "outputs", max_reject_ratio=1.0)


def lines(found):
    return {
        group.title: [f"{one.name} {one.by}: {one.why}" for one in group.lines]
        for group in since.groups(found)
    }


def test_what_moved_is_said_row_by_row(second):
    _, first, found = second
    assert list(SCHEMA.iter_errors(first)) == list(SCHEMA.iter_errors(found)) == []
    assert since.told(first, ZONE) == "This is the first run here, so there is nothing to compare with yet."
    assert since.groups(first) == since.unexplained(first) == []
    assert since.told(found, ZONE) == (
        "Compared with the run of 12 November 2025 at 05:30 IST, which told of orders up to 3 November 2025."
    )
    assert since.facts(found) == [
        "New: customers_2025-11-12.csv, orders_2025-11-12.xml.",
        "4 orders new (+₹4,000.00), 1 order corrected (+₹500.00).",
        "1 customer new, 1 customer changed.",
        "The last day that counts: 2025-11-03 → 2025-11-11.",
    ]
    told = lines(found)
    by, people = "(orders_2025-11-12.xml)", "(customers_2025-11-12.csv)"
    four = f"4 new orders {by} +₹4,000.00, 1 corrected from ₹4,400.00 to ₹4,900.00 {by}"
    assert told["Regions"] == [
        f"West +₹4,600.00: {four}, C-7 moved here from South {people} +₹100.00",
        f"South −₹100.00: C-7 moved to West {people}",
        f"East +₹9.00: 1 order of C-9, known only now {people}, 1 customer more",
        f"Unmatched −₹9.00: 1 order of C-9, known only now {people}, 1 customer fewer",
    ]
    assert told["Months"] == [f"November 2025 +₹4,500.00: {four}"]
    assert told["Repeat customers"] == [f"C-1 Name of C-1 came back: 5 orders: 4 new orders {by}"]
    assert told["Top spenders"] == [
        f"C-1 Name of C-1 +₹4,500.00: {four}",
        "C-3 Name of C-3 left the list with ₹70.00: 1 order left the window of 30 days",
        f"C-9 Name of C-9 joined the list with ₹9.00: 1 order of C-9, known only now {people}",
        f"C-7 Name of C-7 as before: region South → West {people}",
    ]


def test_a_run_that_is_made_again_says_the_same(second):
    cfg, _, found = second
    assert compared.compared(cfg, "third") == found
    again = compared.compared(cfg, "fourth", window_days=5)
    assert again["before"]["run"] == "second"
    assert since.facts(again) == ["The window's days: 30 → 5."]
    assert lines(again) == {
        "Top spenders": [
            "C-1 Name of C-1 −₹4,900.00: 1 order left the window of 5 days",
            "C-7 Name of C-7 left the list with ₹100.00: 1 order left the window of 5 days",
            "C-9 Name of C-9 left the list with ₹9.00: 1 order left the window of 5 days",
        ]
    }


def test_what_is_taken_back_is_said(second):
    cfg, _, _ = second
    withdraw.commit(cfg, withdraw.derive(cfg, "incoming/orders_2025-11-12.xml"))
    found = compared.compared(cfg, "third", as_of="2025-11-11")
    assert list(SCHEMA.iter_errors(found)) == []
    by = "(orders_2025-11-12.xml taken back)"
    assert since.facts(found)[0] == "Taken back, or not in this database: orders_2025-11-12.xml."
    assert lines(found)["Regions"] == [
        f"West −₹4,500.00: 1 corrected from ₹4,900.00 to ₹4,400.00 {by}, 4 orders withdrawn {by} −₹4,000.00"
    ]
    assert not any((cfg.data_dir / ".run.judged").glob("*"))


def test_where_nothing_is_kept_of_how_it_was_judged_that_is_said(second):
    cfg, _, _ = second
    # Without its records, either, a judgement cannot be made again.
    for file in (*cfg.judged.glob("orders-*/verdict.json"), *cfg.staging.glob("orders-*")):
        file.unlink()
    for name in ("orders.xml", "incoming/orders_2025-11-12.xml"):
        (cfg.data_dir / name).unlink()
    deliver(cfg, ("incoming/orders_2025-11-13.xml", orders(("O-2", B, "2025-11-02", "S-1", 1, "1.00"))))
    found = compared.run(cfg, "third")
    assert found["lost"] == ["orders.xml", "incoming/orders_2025-11-12.xml"]
    # Nobody knows any more that O-2 is no new order.
    assert found["unexplained"] == [
        {"kpi": "monthly_trends", "key": {"year": 2025, "month": 11}, **NOT_EXPLAINED["total_revenue"]},
        {
            "kpi": "regional_revenue",
            "key": {"region": "West"},
            "customer_count": -1,
            **NOT_EXPLAINED["total_revenue"],
        },
        {"kpi": "top_spenders", "key": {"customer_id": "C-7"}, **NOT_EXPLAINED["total_spent"]},
    ]
    first, second = since.unexplained(found)
    assert first == "The causes of 3 rows do not add up to the difference: see changes.json."
    assert second.startswith("How orders.xml, orders_2025-11-12.xml was judged then is no longer kept")
    assert "−₹100.00 not explained" in lines(found)["Regions"][0]


def test_what_the_last_run_kept_may_be_gone_or_damaged(second):
    cfg, _, _ = second
    (cfg.data_dir / ".run.compared/outputs/customers.parquet").write_bytes(b"PAR1")
    assert compared.compared(cfg, "third")["before"] is None
    assert compared.compared(cfg, "fourth")["before"] is None
