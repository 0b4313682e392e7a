from dataclasses import replace
from datetime import date

import pandas as pd
import pytest
from lib.stores import customer, fill, ledger_row, tables

from akasa.kpis.definitions import DEFINITIONS, DTYPES
from akasa.kpis.reconcile import Proof
from akasa.kpis.results import Parameters
from akasa.report import sentences
from akasa.report.sentences import sentence
from akasa.stores import migrate
from akasa.validate.plan import Plan, Planned


def empty(kpi):
    columns = DEFINITIONS[kpi].columns
    return pd.DataFrame({name: pd.Series([], dtype=DTYPES[kind]) for name, kind in columns.items()})


@pytest.mark.parametrize("kpi", DEFINITIONS)
def test_an_empty_kpi_is_read_too(kpi):
    assert getattr(sentences, kpi)(empty(kpi)).data.endswith(".")


def test_months_name_the_best_one():
    frame = pd.DataFrame(
        {"year": [2025, 2025], "month": [9, 10], "order_count": [1, 2], "total_revenue": [100, 10500000]}
    )
    assert sentences.monthly_trends(frame).data == (
        "**3 orders** in 2 months brought **₹1,05,001.00**; October 2025 brought the most, ₹1,05,000.00."
    )


def test_regions_give_the_share_rounded_half_up_and_the_unmatched():
    frame = pd.DataFrame(
        {
            "region": ["West", "Unmatched", "Unmatched (region)"],
            "order_count": [3, 1, 2],
            "total_revenue": [200, 100, 0],
        }
    )
    assert sentences.regional_revenue(frame).data == (
        "**West** leads with ₹2.00, 66.7 % of the revenue; 1 order without a known customer."
    )


def test_counts_add_up_over_deliveries():
    frame = pd.DataFrame({"records": [10, 5], "accepted": [8, 5], "rejected": [1, 0], "repeats": [1, 0]})
    assert sentences.counts(frame).data == (
        "Of **15 records**, 13 were accepted, 1 turned away, and 1 repeated an earlier one."
    )


def proof(results, differing, ties):
    return Proof(
        results, Parameters(None, 30, 10), pd.DataFrame({"kpi": differing}), pd.DataFrame({"ties": ties})
    )


def test_agreement_says_what_differs():
    assert "agree in every value" in sentence("agreement", proof({"sql": 1, "pandas": 2}, [], [True])).data
    said = sentence("agreement", proof({"sql": 1, "dask": 2}, ["x"], [False])).data
    assert said == "**sql and dask do NOT agree**: 1 differing value, 1 control total loose."


def test_deliveries_that_come_again_are_counted_beside_new_ones():
    again = Planned("incoming/b.xml", "orders", "f" * 64, "again", "2", date(2025, 11, 13), "incoming/a.xml")
    new = replace(again, name="c.xml", status="new", was="")
    assert sentence("plan", Plan((again, new), {}, (), (), ())).data == "1 delivery new, 1 delivery again."
    assert sentence("plan", Plan((new, new), {}, (), (), ())).data == "2 deliveries new."


def test_a_kpi_without_a_sentence_of_its_own_is_counted():
    assert sentence("orders_by_weekday", pd.DataFrame({"weekday": [1, 2]})).data == "**2 rows**."


def test_delivered_text_cannot_become_markup():
    assert sentences.listed(["a_b*c <img src=x>"], "").data == "- a\\_b\\*c &lt;img src=x>"
    assert sentences.listed([], "Nothing.").data == "Nothing."


def test_rows_to_publish_are_told_by_table():
    two, none, one = (pd.DataFrame({"id": range(rows)}) for rows in (2, 0, 1))
    content = {"customers": two, "orders": none, "holdings": one}
    assert sentence("tables", content).data == "To be published: 2 rows of `customers`, 1 row of `holdings`."
    assert sentence("tables", {"orders": pd.DataFrame()}).data == "No row is to be published."


def test_with_nothing_new_it_is_said_how_many_were_turned_away_before(workspace, monkeypatch):
    migrate.upgrade(workspace)
    fill(workspace, tables([customer("C-1")]), ledger_row(1, records=1100, rejected=8))
    monkeypatch.setattr(sentences.settings, "load", lambda: workspace)
    said = "Nothing new this time; 8 of 1,100 records were turned away before."
    assert sentence("turned_away", []).data == said
