"""`import akasa as ak`: what it offers, what it costs, and what an analyst gets by hand."""

import ast
import inspect
import re
import subprocess
import sys
from decimal import Decimal

import pytest
from lib.drops import customers, deliver, orders, run
from sqlalchemy.exc import DBAPIError, OperationalError

import akasa as ak
from akasa.kpis.definitions import DEFINITIONS
from akasa.stores.published import NothingPublished
from akasa.workspace.settings import ROOT

FACES = {"ingest", "validate", "publish", "kpis", "changes", "report"}
ROOMS = FACES | {"workspace", "stores", "trace", "run"}
BY_HAND = {
    "settings",
    "sql",
    "orders",
    "customers",
    "order_items",
    "ledger",
    "kpi",
    "explain",
    "read_orders",
    "read_customers",
}


@pytest.fixture
def published(prepared):
    """A workspace with two customers and three orders, one of nobody known."""
    return prepared("face", publish)


def publish(workspace):
    deliver(
        workspace,
        ("customers.csv", customers(("C-1", "9000000001", "North"), ("C-2", "9000000002", "South"))),
        (
            "orders.xml",
            orders(
                ("O-1", "9000000001", "2025-10-12 10:00", "SKU-1", 1, "8930"),
                ("O-1", "9000000001", "2025-10-12 10:00", "SKU-2", 2, "8930"),
                ("O-2", "9000000001", "2025-11-01 10:00", "SKU-1", 1, "0.05"),
                ("O-3", "9000000003", "2025-11-02 10:00", "SKU-1", 3, "1.10"),
            ),
        ),
    )
    run(workspace)


def test_it_offers_the_rooms_and_what_is_typed_by_hand_and_nothing_else():
    assert set(dir(ak)) == set(ak.__all__) == ROOMS | BY_HAND


@pytest.mark.parametrize("room", sorted(FACES))
def test_a_room_offers_what_its_stub_lists(room):
    stub = ROOT / "akasa" / room / "__init__.pyi"
    listed = {alias.name for node in ast.parse(stub.read_text("utf-8")).body for alias in node.names}
    face = getattr(ak, room)
    assert set(dir(face)) == listed
    assert all(callable(getattr(face, name)) for name in listed)


def test_importing_it_imports_nothing_that_takes_time():
    code = "import sys, akasa; print({'pandas', 'numpy', 'pyarrow', 'sqlalchemy', 'lxml'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_each_docstring_has_an_example_that_runs(published, monkeypatch, name):
    monkeypatch.chdir(ROOT)
    example = re.search(r"Example: `(ak\.[^`]+)`", inspect.getdoc(getattr(ak, name)))
    eval(example[1], {"ak": ak})


def test_frames_for_people_show_rupees_and_no_inner_columns(published):
    found = ak.orders().sort_values("order_id")
    assert list(found) == ["order_id", "mobile_number", "order_date_time", "order_date", "total_amount"]
    assert found["total_amount"].tolist() == [Decimal("8930.00"), Decimal("0.05"), Decimal("1.10")]
    assert found["total_amount"].sum() == Decimal("8931.15")
    assert list(ak.customers()) == ["customer_id", "customer_name", "mobile_number", "region"]
    items = ak.order_items().sort_values(["order_id", "sku_id"])
    assert items[["order_id", "sku_count"]].values.tolist() == [
        ["O-1", 1],
        ["O-1", 2],
        ["O-2", 1],
        ["O-3", 3],
    ]
    assert items["amount"].isna().all()
    assert ak.ledger()[["name", "records", "accepted"]].values.tolist() == [
        ["customers.csv", 2, 2],
        ["orders.xml", 4, 4],
    ]


@pytest.mark.parametrize("engine", ["sql", "pandas", "dask"])
def test_a_kpi_by_hand_is_the_same_by_every_engine(published, engine):
    found = ak.kpi("regional_revenue", engine=engine)
    assert found["region"].tolist() == ["North", "Unmatched"]
    assert found["total_revenue"].tolist() == [Decimal("8930.05"), Decimal("1.10")]
    october = ak.kpi("monthly_trends", as_of="2025-10-31", engine=engine)
    assert october[["year", "month", "order_count"]].values.tolist() == [[2025, 10, 1]]
    assert list(ak.kpi("top_spenders", engine=engine, top_n=1)["total_spent"]) == [Decimal("8930.05")]


@pytest.mark.parametrize(("name", "engine"), [("topspenders", "sql"), ("top_spenders", "polars")])
def test_an_unknown_kpi_or_engine_is_answered_with_the_known_ones(published, name, engine):
    known = ", ".join(DEFINITIONS) if engine == "sql" else "sql, pandas, dask"
    with pytest.raises(ValueError, match=f"there is no .*; there are {known}"):
        ak.kpi(name, engine=engine)


@pytest.mark.parametrize(
    "look", [ak.orders, ak.ledger, lambda: ak.sql("select 1"), lambda: ak.kpi("top_spenders")]
)
def test_before_anything_is_published_it_says_what_to_run(workspace, look):
    with pytest.raises(NothingPublished, match="run notebooks 01_ingest and 02_validate first"):
        look()


WRITES = [
    "delete from orders",
    "delete from orders where order_id = 'O-1' returning order_id",
    "update customers set region = 'x'",
    "insert into orders select * from orders",
    "create table more (a int)",
    "drop table orders",
    "create temporary table more (a int)",
]


@pytest.mark.parametrize("write", WRITES)
def test_sql_by_hand_cannot_write(published, write):
    with pytest.raises(OperationalError, match="readonly"):
        ak.sql(write)
    assert len(ak.sql("select * from orders where order_date >= :day", day="2025-11-01")) == 2


def test_sql_by_hand_cannot_write_on_a_server(on_server):
    settings = on_server()
    deliver(settings, ("customers.csv", customers(("C-1", "9000000001", "North"))))
    run(settings)
    for write in WRITES:
        with pytest.raises(DBAPIError, match=r"READ ONLY|near 'returning"):  # which MySQL does not know
            ak.sql(write)
    assert len(ak.sql("select * from customers")) == 1
