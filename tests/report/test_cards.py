from datetime import date

import pandas as pd
import pytest

from akasa.report import cards
from akasa.report.formats import indian
from akasa.report.periods import Month

SEPTEMBER, OCTOBER, NOVEMBER = Month(2025, 9), Month(2025, 10), Month(2025, 11)
FIRST = date(2025, 9, 1)


def month_frame(*rows):
    return pd.DataFrame(rows, columns=["year", "month", "order_count", "total_revenue"])


def ledger(*rows):
    return pd.DataFrame(rows, columns=["records", "rejected", "day"])


def test_the_cards_of_orders_by_hand():
    # September 2 orders for 300.00, October 4 for 450.00, November, to the 10th, 1 for 50.01.
    months = cards.trend(month_frame((2025, 9, 2, 30000), (2025, 10, 4, 45000), (2025, 11, 1, 5001)))
    revenue, orders, average = cards.of_orders(months, date(2025, 11, 10), FIRST)
    assert (revenue.value, orders.value, average.value) == ("₹800.01", "7", "₹114.29")  # 800.01 / 7 = 114.287
    assert revenue.note == "October 2025: ₹450.00, +50.0 % on September"
    assert orders.note == "October 2025: 4, +100.0 % on September"
    assert average.note == "October 2025: ₹112.50, −25.0 % on September"
    assert revenue.sparks == (66, 100, 11)
    assert [card.open for card in (revenue, orders, average)] == [True] * 3


@pytest.mark.parametrize(
    ("values", "as_of", "begins", "said"),
    [
        # The 30th is November's last day, so November is compared; the 29th is not.
        ({OCTOBER: 4, NOVEMBER: 5}, date(2025, 11, 30), FIRST, "November 2025: 5, +25.0 % on October"),
        ({OCTOBER: 4, NOVEMBER: 5}, date(2025, 11, 29), FIRST, "October 2025: 4, after none in September"),
        ({SEPTEMBER: 4, NOVEMBER: 5}, date(2025, 11, 29), FIRST, "October 2025: none, −100.0 % on September"),
        ({SEPTEMBER: 3}, date(2025, 11, 30), FIRST, "November 2025: none, as in October"),
        # What begins in the middle of a month is not called a whole one.
        (
            {SEPTEMBER: 2, OCTOBER: 3},
            date(2025, 10, 31),
            date(2025, 9, 12),
            "October 2025: 3, +50.0 % on September (which begins on day 12)",
        ),
        ({OCTOBER: 3}, date(2025, 11, 5), date(2025, 10, 2), "October 2025: 3, the first month"),
        ({NOVEMBER: 3}, date(2025, 11, 5), date(2025, 11, 2), "no full month yet"),
        ({}, None, None, "no orders yet"),
        # The month before lies in another year.
        (
            {Month(2024, 12): 2, Month(2025, 1): 1},
            date(2025, 1, 31),
            date(2024, 1, 1),
            "January 2025: 1, −50.0 % on December 2024",
        ),
    ],
)
def test_a_month_is_compared_when_it_is_over(values, as_of, begins, said):
    assert cards.compared(values, as_of, begins, str) == said


def test_no_orders_make_cards_without_an_average():
    revenue, orders, average = cards.of_orders({}, None, None)
    assert (revenue.value, orders.value, average.value) == ("₹0.00", "0", "none yet")
    assert revenue.sparks == ()


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [(1063, 1000, "+6.3 % on"), (1001, 2000, "−50.0 % on"), (20009, 10000, "+100.1 % on")],
)
def test_a_change_is_rounded_half_up(now, before, said):
    assert cards.change(now, before) == said


@pytest.mark.parametrize(
    ("now", "full", "then", "before", "value", "note"),
    [
        # 5 of 19 = 26.3 %; end of October 4 of 16 = 25.0 %; of September 1 of 8 = 12.5 %: 12.5 points more.
        (
            (5, 19), OCTOBER, (4, 16), (1, 8), "26.3 %",
            "5 of 19 who ordered; 25.0 % at the end of October 2025, +12.5 points in that month",
        ),
        (
            (5, 19), OCTOBER, (1, 8), (4, 16), "26.3 %",
            "5 of 19 who ordered; 12.5 % at the end of October 2025, −12.5 points in that month",
        ),
        ((1, 4), OCTOBER, (1, 4), (0, 0), "25.0 %", "1 of 4 who ordered; 25.0 % at the end of October 2025"),
        ((1, 4), None, (0, 0), (0, 0), "25.0 %", "1 of 4 who ordered"),
        ((0, 0), None, (0, 0), (0, 0), "none yet", "0 of 0 who ordered"),
    ],
)  # fmt: skip
def test_repeat_customers_are_compared_in_points(now, full, then, before, value, note):
    card = cards.repeat(now, full, then, before)
    assert (card.value, card.note) == (value, note)


def test_the_latest_files_stand_beside_those_before():
    day, earlier = date(2025, 11, 12), date(2025, 11, 11)
    card = cards.turned_away(ledger((100, 8, None), (10, 1, earlier), (4, 0, day), (12, 2, day)))
    assert card.value == "11 of 126"
    assert card.note == "2 of 16 in the files of 12 November 2025, 9 of 110 in those before"
    assert card.link == ("Why?", "#rejects")


def test_base_files_alone_have_nothing_before_them():
    card = cards.turned_away(ledger((100, 0, None)))
    assert (card.value, card.note, card.link) == ("0 of 100", "0.0 % of all records delivered", None)
    assert cards.turned_away(ledger()).value == "0 of 0"


def test_sparks_are_twelve_months_at_most_and_have_gaps():
    values = {Month(2024, 1): 9, Month(2025, 1): 50, Month(2025, 3): 200}
    assert cards.heights(values, date(2025, 3, 9)) == (*[0] * 9, 25, 0, 100)
    assert cards.heights({OCTOBER: 5}, date(2025, 10, 9)) == ()
    assert cards.heights({OCTOBER: 0, SEPTEMBER: 0}, date(2025, 10, 9)) == (0, 0)
    assert cards.compared({OCTOBER: 10500000}, date(2025, 11, 1), FIRST, indian).startswith(
        "October 2025: ₹1,05,000.00"
    )
