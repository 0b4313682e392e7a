"""Three engines, one set of definitions: every value, type and row order as the slow reference has it."""

import sqlite3
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lib import reference
from lib.stores import EVER, customer, fill, holding, ledger_row, order, tables
from pyarrow.dataset import InMemoryDataset, dataset

from akasa.kpis import dask as dask_engine
from akasa.kpis import definitions, engines, on_worker, pandas, sales, sql
from akasa.kpis.definitions import DEFINITIONS
from akasa.publish import database_load
from akasa.stores import database, migrate, warehouse
from akasa.validate import cleaning
from akasa.workspace.settings import Settings

TODAY = date(2025, 11, 15)
TEXT = ["customer_id", "customer_name", "mobile_number", "region"]
DTYPES = {
    "repeat_customers": {**dict.fromkeys(TEXT, "str"), "order_count": "int64"},
    "monthly_trends": dict.fromkeys(["year", "month", "order_count", "total_revenue"], "int64"),
    "regional_revenue": {
        "region": "str",
        **dict.fromkeys(["customer_count", "order_count", "total_revenue", "avg_order_value"], "int64"),
    },
    "top_spenders": {
        **dict.fromkeys(TEXT, "str"),
        **dict.fromkeys(["order_count", "total_spent", "avg_order_value"], "int64"),
        "last_order_date": "datetime64[s]",
    },
}
EMPTY = {kpi: [] for kpi in DTYPES}

pytestmark = pytest.mark.usefixtures("migrated")


def records(results):
    """Return an engine's frames as the reference writes them: lists of dicts, dates as ISO text."""
    return {kpi: [_record(row) for row in frame.to_dict("records")] for kpi, frame in results.items()}


def _record(row):
    return {
        name: f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else value for name, value in row.items()
    }


def reference_content(content):
    """Return tables of rows as the reference knows them; a holding is a claim."""
    customers = {
        row.customer_id: {
            "customer_name": row.customer_name,
            "mobile_number": row.mobile_number,
            "region": row.region,
        }
        for row in content["customers"].itertuples()
    }
    orders = {
        row.order_id: {
            "mobile_number": row.mobile_number,
            "order_date": row.order_date.date(),
            "total_amount_paise": row.total_amount_paise,
        }
        for row in content["orders"].itertuples()
    }
    claims = [
        {"mobile_number": row.mobile_number, "customer_id": row.customer_id, "day": row.from_day.date()}
        for row in content["holdings"].itertuples()
    ]
    return {"customers": customers, "orders": orders, "claims": claims}


def sources(folder, content, parts):
    """Return what each engine computes from, without a warehouse: the orders in `parts` Parquet files."""
    cfg = Settings(data_dir=folder, output_dir=folder)
    migrate.upgrade(cfg)
    database_load.merge(cfg, content, [ledger_row(number) for number in (1, 2, 3)])
    # The warehouse's files are in no order.
    customers, holdings = (content[name][::-1].reset_index(drop=True) for name in ("customers", "holdings"))
    files = [_parquet(folder / f"{n}.parquet", content["orders"].iloc[n::parts]) for n in range(parts)]
    stored = [_as_stored(name, rows) for name, rows in (("customers", customers), ("holdings", holdings))]
    return {
        "sql": cfg,
        "pandas": pandas.Tables(dataset(files), *stored),
        "dask": dask_engine.Tables(dask_engine.read_orders(files), *stored),
    }


def _as_stored(name, rows):
    return InMemoryDataset(pa.Table.from_pandas(rows, preserve_index=False).cast(warehouse.SCHEMAS[name]))


def _parquet(path, orders):
    of = warehouse.SCHEMAS["orders"]
    names = ["mobile_number", "order_date", "total_amount_paise"]
    pq.write_table(
        pa.table({name: pa.array(orders[name].to_numpy(), of.field(name).type) for name in names}), path
    )
    return str(path)


# Small worlds: few names and days, so that ties, edges, holders and strangers come about.

AS_OF = date(2025, 11, 30)
DAYS = st.sampled_from([0, 1, 6, 7, 8, 29, 30, 31, 60, -1, -2, 400]).map(lambda n: AS_OF - timedelta(days=n))
MOBILES = st.sampled_from(["9000000001", "9000000002", "9123456781", "6000000004", "7000000005"])
REGIONS = st.sampled_from(["North", "South", "Unmatched", "Unknown", "Zoë", "north"])
PAISE = st.sampled_from([0, 1, 2, 50, 100, 101, 10**15 - 1, 10**15 - 2])
IDS = st.sampled_from(["007", "7", "C-10", "C-9", "c-1", "=1+1"])
CUSTOMER_ROWS = st.lists(
    st.tuples(IDS, MOBILES, REGIONS, st.integers(1, 3)), max_size=6, unique_by=lambda row: row[0]
).map(lambda rows: [customer(*row, name=f"Name {row[0]}") for row in rows])
CLAIMS = st.lists(st.tuples(MOBILES, DAYS, st.integers(0, 5)), max_size=8, unique_by=lambda claim: claim[:2])
ORDER_ROWS = st.lists(
    st.tuples(MOBILES, DAYS, st.sampled_from(["00:00:00", "23:59:59.999999"]), PAISE), max_size=12
).map(
    lambda rows: [
        order(f"O-{n}", mobile, f"{day} {clock}", paise) for n, (mobile, day, clock, paise) in enumerate(rows)
    ]
)


def world(customers, orders, claims):
    """Return tables in which known customers took numbers over on some days, others than the one before."""
    rows, last = [], {}
    for mobile, day, number in sorted(claims) if customers else []:
        customer_id = customers[number % len(customers)][0]
        if mobile in last and last[mobile][1] == customer_id:
            continue
        if mobile in last:
            last[mobile][3] = day
        last[mobile] = [mobile, customer_id, day if mobile in last else EVER, None, "1"]
        rows.append(last[mobile])
    return tables(customers, orders, holdings=rows)


WORLDS = (
    st.builds(world, CUSTOMER_ROWS, ORDER_ROWS, CLAIMS),
    st.sampled_from([AS_OF, AS_OF - timedelta(days=7), date(2000, 1, 1), date(9999, 12, 31)]),
    st.sampled_from([1, 7, 30, 365, 10**7]),
    st.integers(1, 4),
    st.integers(1, 3),
)


def assert_reference(names, content, as_of, window_days, top_n, parts):
    with tempfile.TemporaryDirectory() as folder:
        given_to = sources(Path(folder), content, parts)
        results = engines.compute_from({name: given_to[name] for name in names}, as_of, window_days, top_n)
    expected = reference.kpis(reference_content(content), as_of, window_days, top_n)
    for engine, frames in results.items():
        assert records(frames) == expected, engine
        assert {kpi: frame.dtypes.astype(str).to_dict() for kpi, frame in frames.items()} == DTYPES, engine


@settings(deadline=None, max_examples=30)
@given(*WORLDS)
def test_sql_and_pandas_agree_with_the_reference_value_by_value(content, as_of, window_days, top_n, parts):
    assert_reference(("sql", "pandas"), content, as_of, window_days, top_n, parts)


@settings(deadline=None, max_examples=10)
@given(*WORLDS)
def test_dask_agrees_with_the_reference_value_by_value(content, as_of, window_days, top_n, parts):
    assert_reference(("dask",), content, as_of, window_days, top_n, parts)


def computed(cfg, as_of=AS_OF, **options):
    """Return the records that all three engines give, from the stores as notebooks load them."""
    results = {
        **engines.compute(cfg, "sql", as_of, **options),
        **engines.compute(cfg, "both", as_of, **options),
    }
    found = {engine: records(frames) for engine, frames in results.items()}
    assert found["sql"] == found["pandas"] == found["dask"]
    return found["sql"]


def test_every_kpi_from_both_stores_by_hand(workspace):
    """Asha's number went to Bina on 1 November, the first day of the window; Chitra holds two numbers."""
    november = date(2025, 11, 1)
    content = tables(
        [
            customer("007", "9000000001", "North", 1, name="Asha"),
            customer("C-2", "9000000001", "South", 2, name="Bina"),
            customer("C-3", "9000000003", "Unmatched", 1, name="Chitra"),
        ],
        [
            order("O-1", "9000000001", "2025-11-30 23:59:59", 1_01),
            order("O-2", "9000000001", "2025-10-31 23:59:59.999999", 2_00),
            order("O-3", "9000000003", "2025-10-31 10:00:00", 5_00),
            order("O-4", "9000000003", "2025-11-01 10:00:00", 50),
            order("O-5", "6000000009", "2025-09-30 10:00:00", 10_00),
            order("O-6", "9000000003", "2025-12-01 00:00:00", 99_00),
            order("O-7", "9000000007", "2025-11-02 10:00:00", 1_00),
            order("O-8", "9000000001", "2025-11-01 00:00:00", 1_00),
        ],
        holdings=[
            holding("007", "9000000001", until=november),
            holding("C-2", "9000000001", november, delivery=2),
            holding("C-3", "9000000003", delivery=2),
            holding("C-3", "9000000007"),
        ],
    )
    fill(workspace, content, ledger_row(1), ledger_row(2))
    bina = {"customer_id": "C-2", "customer_name": "Bina", "mobile_number": "9000000001", "region": "South"}
    chitra = {
        "customer_id": "C-3",
        "customer_name": "Chitra",
        "mobile_number": "9000000003",
        "region": "Unmatched",
    }
    regions = ("region", "customer_count", "order_count", "total_revenue", "avg_order_value")
    asha = {"customer_id": "007", "customer_name": "Asha", "mobile_number": "9000000001", "region": "North"}
    assert computed(workspace) == {
        "repeat_customers": [{**chitra, "order_count": 3}, {**bina, "order_count": 2}],
        "monthly_trends": [
            {"year": 2025, "month": 9, "order_count": 1, "total_revenue": 10_00},
            {"year": 2025, "month": 10, "order_count": 2, "total_revenue": 7_00},
            {"year": 2025, "month": 11, "order_count": 4, "total_revenue": 3_51},
        ],
        "regional_revenue": [
            dict(zip(regions, row, strict=True))
            for row in (
                ("Unmatched", 1, 1, 10_00, 10_00),
                ("Unmatched (region)", 1, 3, 6_50, 2_17),
                ("South", 1, 2, 2_01, 1_01),
                ("North", 1, 1, 2_00, 2_00),
            )
        ],
        "top_spenders": [
            {
                **bina,
                "order_count": 2,
                "total_spent": 2_01,
                "avg_order_value": 1_01,
                "last_order_date": "2025-11-30",
            },
            {
                **chitra,
                "order_count": 2,
                "total_spent": 1_50,
                "avg_order_value": 75,
                "last_order_date": "2025-11-02",
            },
        ],
    }
    october = computed(workspace, date(2025, 10, 31))["top_spenders"]
    assert [(row["customer_id"], row["total_spent"]) for row in october] == [("C-3", 5_00), ("007", 2_00)]
    assert october[1] | asha == october[1]


def test_no_delivered_region_is_taken_for_orders_that_nobody_owns(workspace):
    """Not by its name, nor by the name under which that one is shown: a region is in title case."""
    texts = ["UNMATCHED", "unmatched  (region)", "Unmatched (Region)"]
    regions = cleaning.regions(pa.array(texts)).to_pylist()
    customers = [customer(f"C-{n}", f"900000000{n}", region) for n, region in enumerate(regions)]
    orders = [order(f"O-{n}", f"900000000{n}", "2025-11-30 10:00:00", 1 + n) for n in range(4)]
    fill(workspace, tables(customers, orders), ledger_row(1))
    found = [(row["region"], row["total_revenue"]) for row in computed(workspace)["regional_revenue"]]
    assert found == [("Unmatched (Region)", 5), ("Unmatched", 4), ("Unmatched (region)", 1)]


def test_dask_adds_up_over_many_files_of_many_months(workspace, monkeypatch):
    monkeypatch.setattr(on_worker, "ROWS_AT_ONCE", 3)
    orders = [
        order(f"O-{n}", f"900000000{n % 7}", f"2025-{1 + n % 12:02d}-{1 + n % 28:02d} 10:00:00", n)
        for n in range(200)
    ]
    content = tables([customer(f"C-{n}", f"900000000{n}", f"Region {n % 3}") for n in range(5)], orders)
    fill(workspace, content, ledger_row(1))
    assert len(dask_engine.source(workspace).orders.files) == 12
    as_of = date(2025, 12, 31)
    expected = reference.kpis(reference_content(content), as_of, 90, 3)
    assert computed(workspace, as_of, window_days=90, top_n=3) == expected


def test_pandas_adds_up_a_piece_at_a_time_as_all_at_once(workspace, monkeypatch):
    """Sums of one piece are beyond 64 bits, those of others not; numbers stand in parts of two or so."""
    monkeypatch.setattr(sales, "ORDERS_AT_ONCE", 1)
    monkeypatch.setattr(sales, "NUMBERS_A_PART", 2)
    november = date(2025, 11, 1)
    customers = [customer(f"C-{n}", f"900000000{n}", f"Region {n % 3}") for n in range(9)]
    held = [holding(row[0], row[2]) for row in customers[1:-1]]
    changed = [holding("C-0", "9000000000", until=november), holding("C-8", "9000000000", november)]
    orders = [
        order(f"O-{n}", f"900000000{n % 10}", f"2025-{1 + n % 12:02d}-{1 + n % 28:02d} 10:00:00", n)
        for n in range(120)
    ]
    large = [order(f"L-{n}", "9000000001", "2025-03-01 10:00:00", 3 * 10**18) for n in range(3)]
    content = tables(customers, [*orders, *large], holdings=[*held, *changed])
    fill(workspace, content, ledger_row(1))
    for as_of in (date(2025, 12, 31), date(2025, 11, 10)):
        expected = reference.kpis(reference_content(content), as_of, 90, 3)
        assert records(engines.compute(workspace, "pandas", as_of, 90, 3)["pandas"]) == expected


def test_empty_stores_give_empty_kpis_of_the_right_types(workspace):
    for as_of in (None, AS_OF):
        assert computed(workspace, as_of) == EMPTY
    results = {**engines.compute(workspace, "sql", None), **engines.compute(workspace, "both", None)}
    for frames in results.values():
        assert {kpi: frame.dtypes.astype(str).to_dict() for kpi, frame in frames.items()} == DTYPES


def test_no_as_of_counts_no_order_however_early(workspace):
    fill(workspace, tables([customer("C-1")], [order("O-1", when="1000-01-01 00:00:00")]), ledger_row(1))
    assert computed(workspace, None) == EMPTY
    assert computed(workspace, date(1000, 1, 1))["monthly_trends"][0]["year"] == 1000


def test_money_beyond_the_whole_numbers_of_a_float_is_exact(workspace):
    """2⁵³ + 1 paise is no double."""
    day = "2025-11-30 10:00:00"
    orders = [
        order("O-1", when=day, paise=2**53),
        order("O-2", when=day, paise=1),
        order("O-3", "6000000009", when=day, paise=4 * 10**18),
    ]
    fill(workspace, tables([customer("C-1")], orders), ledger_row(1))
    found = computed(workspace)
    assert found["top_spenders"][0]["total_spent"] == 2**53 + 1
    assert found["top_spenders"][0]["avg_order_value"] == 2**52 + 1
    assert found["regional_revenue"][0]["avg_order_value"] == 4 * 10**18


def test_sums_of_each_row_count_even_where_the_sum_of_all_is_beyond_64_bits(workspace):
    orders = [
        order("O-1", "9000000001", "2025-11-30 10:00:00", 6 * 10**18),
        order("O-2", "6000000009", "2025-10-30 10:00:00", 6 * 10**18 + 1),
        order("O-3", "6000000009", "2025-10-30 10:00:00", 1),
    ]
    fill(workspace, tables([customer("C-1", "9000000001")], orders), ledger_row(1))
    found = computed(workspace)
    assert [row["total_revenue"] for row in found["monthly_trends"]] == [6 * 10**18 + 2, 6 * 10**18]
    assert [row["total_revenue"] for row in found["regional_revenue"]] == [6 * 10**18 + 2, 6 * 10**18]
    assert [row["total_spent"] for row in found["top_spenders"]] == [6 * 10**18]


@pytest.mark.parametrize("engine", ["pandas", "dask"])
@pytest.mark.parametrize("kpi", ["monthly_trends", "regional_revenue", "top_spenders"])
def test_a_sum_beyond_64_bits_is_refused_not_wrapped(workspace, engine, kpi):
    """Two numbers of one region: each sum fits, the region's doesn't."""
    orders = [
        order(f"O-{n}", f"900000000{1 if kpi == 'top_spenders' else n}", "2025-11-30 10:00:00", 5 * 10**18)
        for n in (1, 2)
    ]
    customers = [customer("C-1", "9000000001"), customer("C-2", "9000000002")]
    fill(workspace, tables(customers, orders), ledger_row(1))
    with pytest.raises(
        OverflowError, match=f"{kpi}: a total_\\w+ of 10000000000000000000 paise is more than"
    ):
        engines.compute_one(workspace, engine, kpi, AS_OF)


@pytest.mark.parametrize("engine", ["pandas", "dask"])
def test_a_month_beyond_64_bits_is_refused_where_each_of_its_files_fits(tmp_path, engine):
    content = tables([], [order(f"O-{n}", when="2025-11-30 10:00:00", paise=5 * 10**18) for n in (1, 2)])
    source = sources(tmp_path, content, parts=2)[engine]
    with pytest.raises(OverflowError, match="a total_revenue of 10000000000000000000 paise"):
        engines.function(engine, "monthly_trends")(source, AS_OF)


@pytest.mark.parametrize(
    "paise", [[], [2**63 - 1], [2**62 - 1] * 2, [2**62] * 2, [2**62] * 4, [1, 2**63 - 1]]
)
def test_dask_adds_up_exactly_whether_or_not_a_sum_fits_in_64_bits(paise):
    orders = pa.table(
        {"mobile": pa.array([7] * len(paise), pa.int64()), "paise": pa.array(paise, pa.int64())}
    )
    sums = on_worker.add_up([orders], "mobile").to_pandas()
    assert dask_engine.whole(sums).tolist() == ([sum(paise)] if paise else [])


def test_dask_makes_up_no_holder_for_a_day_that_has_none(tmp_path):
    """Published holdings begin with ever; these do not."""
    days = date(2025, 11, 10), date(2025, 11, 20)
    held = [holding(f"C-{n}", since=day, until=None) for n, day in enumerate(days, start=1)]
    content = tables(
        [customer("C-1"), customer("C-2")], [order("O-1", when="2025-11-01 10:00:00")], None, held
    )
    with pytest.raises(ValueError, match="non-finite"):
        dask_engine.monthly_trends(sources(tmp_path, content, parts=1)["dask"], AS_OF)


def test_dask_opens_only_files_of_months_in_the_window(workspace):
    orders = [order("O-1", when="2025-09-30 10:00:00"), order("O-2", when="2025-11-01 10:00:00", paise=7)]
    fill(workspace, tables([customer("C-1")], orders), ledger_row(1))
    source = dask_engine.source(workspace)
    (earlier,) = [file for file in source.orders.files if "2025-09" in file]
    Path(earlier).unlink()
    assert dask_engine.top_spenders(source, AS_OF)["total_spent"].tolist() == [7]
    assert len(dask_engine.top_spenders(source, date(2025, 8, 31))) == 0
    with pytest.raises(FileNotFoundError):
        dask_engine.top_spenders(source, AS_OF, window_days=61)


def test_customers_in_a_tie_stand_by_id_as_text(workspace):
    ids = ["b", "a", "10", "9", "B", "é"]
    customers = [customer(key, f"900000000{n}") for n, key in enumerate(ids)]
    orders = [order(f"O-{n}", f"900000000{n % 6}", "2025-11-30 10:00:00") for n in range(12)]
    fill(workspace, tables(customers, orders), ledger_row(1))
    found = computed(workspace, top_n=4)
    assert [row["customer_id"] for row in found["repeat_customers"]] == ["10", "9", "B", "a", "b", "é"]
    assert [row["customer_id"] for row in found["top_spenders"]] == ["10", "9", "B", "a"]


# Definitions


@pytest.mark.parametrize(
    ("total", "count", "average"),
    [
        (0, 3, 0),
        (1, 2, 1),
        (1001, 2, 501),
        (10, 3, 3),
        (11, 3, 4),
        (5, 10, 1),
        (4, 10, 0),
        (2**63 - 1, 2, 2**62),
    ],
)
def test_averages_are_rounded_half_up(total, count, average):
    assert definitions.average_paise(total, count) == average
    of_series = definitions.average_paise(pd.Series([total]), pd.Series([count]))
    assert (of_series.tolist(), str(of_series.dtype)) == ([average], "int64")


def test_as_of_is_the_day_asked_for_or_else_the_latest():
    assert definitions.resolve_as_of("2025-01-31", TODAY) == date(2025, 1, 31)
    assert definitions.resolve_as_of(None, TODAY) == TODAY
    assert definitions.resolve_as_of("", None) is None
    with pytest.raises(ValueError, match="31-01-2025"):
        definitions.resolve_as_of("31-01-2025", TODAY)


def test_a_window_may_reach_back_before_all_days():
    assert definitions.window_start(AS_OF, 10**12) == date.min


def test_canonical_sets_columns_types_and_order():
    frame = pd.DataFrame(
        {"month": [2, 1], "extra": 0, "total_revenue": [5, 6], "year": 2025, "order_count": [1, 2]}
    )
    found = definitions.canonical("monthly_trends", frame)
    assert found.to_dict("list") == {
        "year": [2025, 2025],
        "month": [1, 2],
        "order_count": [2, 1],
        "total_revenue": [6, 5],
    }
    assert found.index.tolist() == [0, 1]


@pytest.mark.parametrize("ids", ["abcdef", "fedcba", "abcdfe", "a", ""])
def test_canonical_sorts_by_every_key_where_rows_stand_by_the_last_and_where_not(ids):
    texts = dict.fromkeys(["customer_name", "mobile_number", "region"], "")
    frame = pd.DataFrame({"customer_id": list(ids), "order_count": [1, 3, 2, 3, 1, 2][: len(ids)], **texts})
    found = definitions.canonical("repeat_customers", frame)
    rows = sorted(zip(-frame["order_count"], ids, strict=True))
    assert list(zip(-found["order_count"], found["customer_id"], strict=True)) == rows


def test_canonical_keeps_many_rows_of_a_tie_in_order():
    months = pd.DataFrame({"year": [2026, 2025] * 5_000, "month": range(10_000)})
    found = definitions.canonical("monthly_trends", months.assign(order_count=1, total_revenue=1))
    assert found["month"].tolist() == [*range(1, 10_000, 2), *range(0, 10_000, 2)]


def test_in_memory_engines_are_chosen_by_name():
    assert [engines.chosen(word) for word in ("pandas", "dask", "both")] == [
        ("pandas",),
        ("dask",),
        ("pandas", "dask"),
    ]
    with pytest.raises(ValueError, match="'polars'; it can be sql, pandas, dask, both"):
        engines.chosen("polars")


# The SQL files, as an analyst uses them


@pytest.mark.parametrize("kpi", DEFINITIONS)
def test_each_sql_file_can_be_pasted_into_a_client(workspace, kpi):
    database_load.merge(workspace, tables([customer("C-1")], [order("O-1"), order("O-2")]), [ledger_row(1)])
    text = sql.statement(kpi)
    assert text.endswith("\nselect * from final\n")
    parameters = {"as_of": "2025-11-30", "window_start": "2025-10-01", "top_n": 10}
    with sqlite3.connect(workspace.data_dir / "akasa.db") as connection:
        found = connection.execute(text, parameters)
        named = [column for column in DEFINITIONS[kpi].columns if column != "avg_order_value"]
        assert [column[0] for column in found.description] == named
        assert len(found.fetchall()) == 1
    connection.close()


@pytest.mark.parametrize("kpi", DEFINITIONS)
def test_sql_files_have_one_style_and_no_values_but_bound_ones(kpi):
    code = "\n".join(line.partition("--")[0] for line in sql.statement(kpi).splitlines())
    assert "'" not in code
    assert code == code.lower()
    assert ":as_of" in code
    assert not set("%{}?@") & set(code)


def test_the_date_range_is_served_by_an_index(workspace):
    parameters = {"as_of": "2025-11-30", "window_start": "2025-10-01", "top_n": 10}
    for kpi in ("monthly_trends", "top_spenders"):
        plan = database.query(f"explain query plan {sql.statement(kpi)}", workspace, **parameters)["detail"]
        assert plan.str.contains("USING COVERING INDEX ix_orders_kpis (order_date", regex=False).any(), kpi


def test_dates_of_orders_are_days_not_times(workspace):
    fill(
        workspace, tables([customer("C-1")], [order("O-1", when="2025-11-30 23:59:59.999999")]), ledger_row(1)
    )
    assert computed(workspace)["top_spenders"][0]["last_order_date"] == "2025-11-30"
    assert computed(workspace, date(2025, 11, 29)) == EMPTY
    (when,) = pd.to_datetime(
        database.query("select order_date_time from orders", workspace)["order_date_time"]
    )
    assert when == datetime(2025, 11, 30, 23, 59, 59, 999999)


@pytest.mark.parametrize(
    ("files", "lengths"),
    [(0, []), (3, [1, 1, 1]), (9, [2, 2, 2, 2, 1]), (24, [3] * 8), (130, [16] * 8 + [2])],
)
def test_dasks_tasks_read_every_file_once_and_not_too_many_each(files, lengths):
    names = [f"{n}.parquet" for n in range(files)]
    pieces = dask_engine.in_pieces(names)
    assert [len(piece) for piece in pieces] == lengths
    assert [file for piece in pieces for file in piece] == names


def test_dask_reads_many_files_as_pandas_does(tmp_path):
    orders = [order(f"O-{n}", f"900000000{n % 7}", f"2025-11-{1 + n % 28:02d}", n) for n in range(60)]
    content = tables([customer(f"C-{n}", f"900000000{n}", "North") for n in range(5)], orders)
    of = sources(tmp_path, content, 19)
    found = engines.compute_from({name: of[name] for name in ("pandas", "dask")}, AS_OF)
    assert records(found["dask"]) == records(found["pandas"])
    assert sum(found["dask"]["monthly_trends"]["order_count"]) == 60
