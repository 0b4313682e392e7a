"""How a frame shows itself in a notebook."""

import pandas as pd

from akasa.workspace import listing
from akasa.workspace.listing import Listing


def test_numbers_and_rupees_stand_to_the_right_and_text_is_whole():
    meaning = "a good line whose order is rejected for another line, " * 3
    shown = Listing({"reason": [meaning], "records": [12], "total": ["-₹1,00,000.00"]})._repr_html_()
    assert f'<td style="text-align: left">{meaning}</td>' in shown
    assert '<td class="number">12</td>' in shown
    assert '<td class="number">-₹1,00,000.00</td>' in shown


def test_what_a_delivery_holds_is_never_markup():
    shown = listing.html(pd.DataFrame({"<b>": ["<script>alert(1)</script>"]}))
    assert "<script" not in shown
    assert "<b>" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


def test_without_rows_there_are_no_headings():
    assert Listing(columns=["kpi", "key"])._repr_html_() == "<p>None.</p>"


def test_an_index_is_shown_where_it_says_something():
    named = pd.DataFrame({"orders": [3]}, index=pd.Index(["North"], name="region"))
    assert '<th scope="col" style="text-align: left">region</th>' in listing.html(named)
    assert listing.html(pd.DataFrame({"orders": [3]})).count("<th ") == 1


def test_long_tables_say_how_many_rows_there_are():
    shown = listing.html(pd.DataFrame({"n": range(1234)}))
    assert shown.count("<td") == listing.ROWS
    assert "The first 100 of 1,234 rows." in shown


def test_absent_values_are_blank_and_truth_is_a_word():
    shown = listing.html(pd.DataFrame({"a": [None, "x"], "ties": [True, False], "n": [float("nan"), 1.5]}))
    assert '<td style="text-align: left"></td><td style="text-align: left">yes</td>' in shown
    assert '<td class="number"></td>' in shown
    assert "nan" not in shown


def test_what_is_derived_from_it_shows_itself_alike():
    derived = Listing({"n": [1, 2, 3]}).query("n > 1")
    assert isinstance(derived, Listing)
    assert derived["n"].tolist() == [2, 3]
