"""Reconciliation: every difference between engines is shown, and totals that do not tie are noticed."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from lib.drops import deliver, run
from lib.stores import customer, fill, item, ledger_row, order, tables

from akasa.kpis import engines, reconcile, results
from akasa.kpis.definitions import DEFINITIONS
from akasa.kpis.reconcile import COLUMNS
from akasa.kpis.results import Parameters
from akasa.publish import database_load, warehouse_merge
from akasa.stores import database
from akasa.workspace import masking

AS_OF = date(2025, 11, 30)

pytestmark = pytest.mark.usefixtures("migrated")


def filled(settings):
    """Publish two deliveries; the second takes the order O-1 over and gives the customers' region anew."""
    first = tables(orders=[order("O-1", paise=1), order("O-2", "6000000009", paise=2_00)])
    second = tables(
        [customer("C-1", delivery=2)], [order("O-1", paise=1_00, delivery=3)], [item("O-1", delivery=3)]
    )
    fill(settings, first, ledger_row(1, accepted=2))
    fill(settings, second, ledger_row(2, "customers"), ledger_row(3))


def computed(settings, as_of=AS_OF):
    return engines.compute(settings, "sql", as_of) | engines.compute(settings, "pandas", as_of)


def frames():
    """Return literal KPIs of two engines that agree."""
    asha = {"customer_id": "C-1", "customer_name": "Asha", "mobile_number": "9000000001", "region": "North"}
    bina = {**asha, "customer_id": "C-2", "customer_name": "Bina"}
    one = {
        "repeat_customers": pd.DataFrame([{**asha, "order_count": 2}, {**bina, "order_count": 2}]),
        "monthly_trends": pd.DataFrame(
            {"year": [2025, 2025], "month": [10, 11], "order_count": [1, 2], "total_revenue": [100, 200]}
        ),
        "regional_revenue": pd.DataFrame(
            {
                "region": ["North"],
                "customer_count": [2],
                "order_count": [3],
                "total_revenue": [300],
                "avg_order_value": [100],
            }
        ),
        "top_spenders": pd.DataFrame(
            [
                {
                    **asha,
                    "order_count": 2,
                    "total_spent": 200,
                    "avg_order_value": 100,
                    "last_order_date": pd.Timestamp("2025-11-30"),
                }
            ]
        ),
    }
    return {"sql": one, "pandas": {name: frame.copy() for name, frame in one.items()}}


def test_the_sample_agrees(workspace):
    sample = Path(__file__).resolve().parents[2] / "data"
    deliver(workspace, *((name, (sample / name).read_bytes()) for name in ("customers.csv", "orders.xml")))
    run(workspace)
    as_of = database.latest_order_date(workspace)
    results.write_results(workspace, computed(workspace, as_of), as_of)
    reconcile.require_agreement(reconcile.prove(workspace, "pandas"))


def test_totals_of_ten_digits_are_told_apart_from_mobile_numbers_where_those_are_masked(workspace):
    masked = workspace.model_copy(update={"mask_pii": True})
    fill(masked, tables(orders=[order("O-1", paise=8_930_000_000)]), ledger_row(1, accepted=1))
    results.write_results(masked, computed(masked), AS_OF)
    proof = reconcile.prove(masked, "pandas")
    shown = {*proof.totals["left_value"], *proof.totals["right_value"]}
    assert "8,930,000,000" in shown
    assert {masking.text(value) for value in shown} == shown


def test_equal_frames_have_no_difference():
    found = reconcile.compare(frames())
    assert found.empty
    assert list(found.columns) == COLUMNS
    assert reconcile.compare({"pandas": frames()["pandas"]}).empty


def test_a_value_that_both_lack_is_no_agreement():
    lacking = frames()["sql"]["regional_revenue"].assign(total_revenue=float("nan"))
    ((_, column, *_),) = reconcile.differences("regional_revenue", lacking, lacking.copy())
    assert column == "total_revenue"


def test_a_difference_of_a_paisa_is_shown_with_both_values():
    results = frames()
    results["pandas"]["monthly_trends"].loc[1, "total_revenue"] = 201
    assert reconcile.compare(results).values.tolist() == [
        ["monthly_trends", "2025 11", "total_revenue", "sql", 200, "pandas", 201]
    ]


OTHER_COLUMNS = [
    (kpi, column)
    for kpi, definition in DEFINITIONS.items()
    for column in definition.columns
    if column not in definition.key
]


@pytest.mark.parametrize(("kpi", "column"), OTHER_COLUMNS)
def test_every_column_of_every_kpi_is_compared(kpi, column):
    results = frames()
    other = results["pandas"][kpi].astype({column: object})
    other.loc[0, column] = "something else"
    results["pandas"][kpi] = other
    (found,) = reconcile.compare(results).itertuples(index=False)
    assert (found.kpi, found.column, found.value) == (kpi, column, results["sql"][kpi][column][0])


def test_a_row_that_one_engine_lacks_is_shown():
    results = frames()
    results["pandas"]["repeat_customers"] = results["pandas"]["repeat_customers"].iloc[:1]
    results["pandas"]["monthly_trends"].loc[0, "month"] = 9
    assert reconcile.compare(results)[["kpi", "key", "column", "value", "other_value"]].values.tolist() == [
        ["repeat_customers", "C-2", "(row)", "there", "absent"],
        ["monthly_trends", "2025 10", "(row)", "there", "absent"],
        ["monthly_trends", "2025 9", "(row)", "absent", "there"],
    ]


def test_an_order_that_only_one_engine_lays_to_nobody_is_shown(workspace):
    """Of two regions of one name, one may take the other's orders, and both engines' sums still tie."""
    content = tables(
        [customer("C-1", "9000000001", "Unmatched")], [order("O-1", "9000000001"), order("O-2", "6000000009")]
    )
    fill(workspace, content, ledger_row(1, accepted=0))
    results = computed(workspace)
    regions = results["pandas"]["regional_revenue"]
    assert sorted(regions["region"]) == ["Unmatched", "Unmatched (region)"]
    results["pandas"]["regional_revenue"] = regions.assign(order_count=[2, 0])
    found = reconcile.compare(results)
    assert set(found["key"]) == {"Unmatched", "Unmatched (region)"}


def test_a_row_that_comes_twice_is_shown():
    results = frames()
    twice = results["pandas"]["regional_revenue"]
    results["pandas"]["regional_revenue"] = pd.concat([twice, twice], ignore_index=True)
    (found,) = reconcile.compare(results).itertuples(index=False)
    assert (found.key, found.column, found.other_value) == ("North (again)", "(row)", "there")


def test_another_order_of_rows_is_shown_where_it_begins():
    results = frames()
    results["pandas"]["repeat_customers"] = results["pandas"]["repeat_customers"].iloc[::-1]
    assert reconcile.compare(results).values.tolist() == [
        ["repeat_customers", "row 1", "(order)", "sql", "C-1", "pandas", "C-2"]
    ]


def test_other_columns_are_shown():
    results = frames()
    results["pandas"]["monthly_trends"] = results["pandas"]["monthly_trends"].drop(columns="order_count")
    (found,) = reconcile.compare(results).itertuples(index=False)
    assert (found.column, found.other_value) == ("(columns)", "year, month, total_revenue")


def test_each_engine_is_compared_with_the_first():
    results = {**frames(), "dask": frames()["sql"]}
    results["sql"]["monthly_trends"].loc[0, "order_count"] = 9
    found = reconcile.compare(results)
    assert found[["engine", "value", "other_engine", "other_value"]].values.tolist() == [
        ["sql", 9, "pandas", 1],
        ["sql", 9, "dask", 1],
    ]


def test_control_totals_tie_and_name_what_they_count(workspace):
    filled(workspace)
    totals = reconcile.control_totals(computed(workspace), AS_OF, workspace)
    assert totals["ties"].all()
    counted = {(row.check, row.left_value, row.right_value) for row in totals.itertuples()}
    assert {
        ("orders", 2, 2),
        ("revenue in paise", 3_00, 3_00),
        ("rows of customers", 1, 1),
        ("rows of orders", 2, 2),
        ("rows of order_items", 2, 2),
        ("rows of holdings", 1, 1),
        ("rows of deliveries", 3, 3),
        ("rows from incoming/1.xml", 1, 1),
        ("rows from incoming/2.csv", 1, 1),
        ("rows from incoming/3.xml", 1, 1),
    } == counted
    sides = set(totals["left"]) | set(totals["right"])
    assert {"months (sql)", "regions (sql)", "months (pandas)", "regions (pandas)"} <= sides
    assert {"orders in the database", "orders in the warehouse", "accepted by the ledger"} <= sides


@pytest.mark.parametrize("as_of", [None, date(2025, 10, 11)])
def test_control_totals_tie_where_no_order_counts(workspace, as_of):
    filled(workspace)
    totals = reconcile.control_totals(computed(workspace, as_of), as_of, workspace)
    assert totals["ties"].all()
    assert set(totals["left_value"][totals["check"] == "orders"]) == {0}


def test_control_totals_of_empty_stores_tie(workspace):
    assert reconcile.control_totals(computed(workspace, None), None, workspace)["ties"].all()


def broken(settings, results=None):
    totals = reconcile.control_totals(results or computed(settings), AS_OF, settings)
    return {(row.check, row.left, row.right) for row in totals[~totals["ties"]].itertuples()}


def test_a_month_or_region_that_is_lost_does_not_tie(workspace):
    filled(workspace)
    results = computed(workspace)
    results["sql"]["monthly_trends"] = results["sql"]["monthly_trends"].iloc[:0]
    results["pandas"]["regional_revenue"] = results["pandas"]["regional_revenue"].iloc[:1]
    database_side = "orders in the database"
    assert broken(workspace, results) == {
        (check, database_side, side)
        for check in ("orders", "revenue in paise")
        for side in ("months (sql)", "regions (pandas)")
    }


def test_a_delivery_that_the_warehouse_lacks_does_not_tie(workspace):
    filled(workspace)
    database_load.merge(
        workspace, tables([customer("C-2", "9000000002", delivery=4)]), [ledger_row(4, "customers")]
    )
    stores = ("database", "warehouse")
    assert broken(workspace) == {
        ("rows of customers", *stores),
        ("rows of holdings", *stores),
        ("rows of deliveries", *stores),
        ("rows from incoming/4.csv", *stores),
    }


def test_rows_that_the_ledger_did_not_accept_do_not_tie(workspace):
    filled(workspace)
    more = tables(orders=[order("O-9", paise=0, delivery=3)])
    database_load.merge(workspace, more, [])
    warehouse_merge.merge(workspace, more, database.ledger(workspace), set())
    assert broken(workspace) == {("rows from incoming/3.xml", "accepted by the ledger", "database")}


def proof(differences, totals):
    return reconcile.Proof({}, Parameters(None, 30, 10), differences, totals)


def test_agreement_is_required_with_the_places_named():
    results = frames()
    results["pandas"]["monthly_trends"].loc[1, "total_revenue"] = 201
    found = reconcile.compare(results)
    totals = pd.DataFrame(
        [
            ("orders", "months (sql)", 3, "regions (sql)", 4, False),
            ("rows", "database", 1, "warehouse", 1, True),
        ],
        columns=["check", "left", "left_value", "right", "right_value", "ties"],
    )
    with pytest.raises(reconcile.Disagreement) as raised:
        reconcile.require_agreement(proof(found, totals))
    assert str(raised.value).splitlines() == [
        "the results do not agree:",
        "monthly_trends 2025 11 total_revenue: sql says 200, pandas says 201",
        "orders: months (sql) 3, regions (sql) 4",
    ]
    assert not proof(found, totals).holds
    assert not proof(found.iloc[:0], totals).holds
    assert not proof(found, totals.iloc[1:]).holds
    assert proof(found.iloc[:0], totals.iloc[1:]).holds
    reconcile.require_agreement(proof(found.iloc[:0], totals.iloc[1:]))


def test_a_long_list_of_differences_is_cut_with_their_number():
    found = pd.DataFrame(
        [["monthly_trends", str(n), "order_count", "sql", 1, "pandas", 2] for n in range(25)], columns=COLUMNS
    )
    with pytest.raises(reconcile.Disagreement, match=r"… and 5 more$"):
        reconcile.require_agreement(proof(found, pd.DataFrame({"ties": []}, dtype=bool)))
