"""A KPI by hand: what a notebook shows of it, and that it stays a frame of exact values."""

import re
from decimal import Decimal
from html import unescape

import pandas as pd
import pytest

from akasa.report.frames import in_rupees
from akasa.report.kpi_table import KpiTable


def spenders(**changes):
    columns = {
        "customer_id": ["C-2", "C-1"],
        "customer_name": ["Asha", "<b>Ravi</b>"],
        "order_count": [1, 123456],
        "total_spent": in_rupees(pd.Series([893000, 5])),
        "last_order_date": pd.to_datetime(["2025-11-10", "2025-10-01"]),
    }
    return KpiTable({**columns, **changes})


def rows(html):
    found = re.findall(r"<tr>(.*?)</tr>", html)
    return [[unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in found]


def test_it_is_shown_with_labels_and_rupees_and_without_an_index():
    assert rows(spenders()._repr_html_()) == [
        ["Customer", "Name", "Orders", "Spent", "Last order"],
        ["C-2", "Asha", "1", "₹8,930.00", "10 Nov 2025"],
        ["C-1", "<b>Ravi</b>", "1,23,456", "₹0.05", "1 Oct 2025"],
    ]


def test_what_a_delivery_wrote_is_no_html():
    assert "<b>" not in spenders()._repr_html_()


def test_numbers_stand_right_and_text_left():
    sides = re.findall(r'<th style="text-align: (\w+)"', spenders()._repr_html_())
    assert sides == ["left", "left", "right", "right", "left"]


def test_a_year_is_no_amount():
    months = KpiTable({"year": [2025], "month": [11], "order_count": [1000]})
    assert rows(months._repr_html_()) == [["Year", "Month", "Orders"], ["2025", "11", "1,000"]]


def test_its_values_are_exact_and_can_be_summed():
    assert spenders()["total_spent"].sum() == Decimal("8930.05")


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame[frame["order_count"] > 1],
        lambda frame: frame.tail(1),
        lambda frame: frame.sort_values("total_spent").head(1),
    ],
)
def test_what_is_chosen_from_it_is_shown_so_too(change):
    assert rows(change(spenders())._repr_html_())[1:] == [
        ["C-1", "<b>Ravi</b>", "1,23,456", "₹0.05", "1 Oct 2025"]
    ]


def test_an_index_of_somebodys_own_is_shown():
    assert "C-2" in spenders().set_index("customer_id")._repr_html_()


def test_of_a_long_one_the_first_rows_are_shown_and_how_many_there_are():
    long = KpiTable({"order_count": range(1234)})
    html = long._repr_html_()
    assert len(rows(html)) == 61
    assert html.endswith("<p>The first 60 of 1,234 rows.</p>")


def test_an_empty_one_is_shown_with_its_headings():
    assert rows(spenders().head(0)._repr_html_()) == [["Customer", "Name", "Orders", "Spent", "Last order"]]
