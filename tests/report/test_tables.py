from html import unescape

import pandas as pd
import pytest

from akasa.report import tables
from akasa.report.tables import Cell, Column, Table
from akasa.validate.rules import REASONS
from akasa.workspace import page


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("paise", 10500005, Cell("₹1,05,000.05", "10500005")),
        ("count", 1234567, Cell("12,34,567", "1234567")),
        ("date", pd.Timestamp(2025, 11, 5), Cell("5 Nov 2025", "2025-11-05")),
        ("date", "2025-11-15 00:00:00", Cell("15 Nov 2025", "2025-11-15")),
        ("text", "007", Cell("007")),
    ],
)
def test_values_are_read_and_sorted(kind, value, shown):
    assert tables.cell(kind, value) == shown


def test_a_column_may_be_sorted_by_another():
    frame = pd.DataFrame({"words": ["November", "August"], "place": [11, 8]})
    table = Table("months", "Months", (Column("words", "Month", by="place"),), frame)
    assert table.rows == [[Cell("November", "11")], [Cell("August", "8")]]


def test_only_the_first_rows_are_shown():
    table = Table("many", "Many", (Column("n", "N", "count"),), pd.DataFrame({"n": range(201)}))
    assert (len(table.rows), table.more) == (200, 1)


def test_every_reason_is_told_without_a_files_words():
    told = [tables.in_words(meaning) for meaning in REASONS.values()]
    assert [words for words in told if "_" in words.replace("AMOUNT_IS", "")] == []
    assert all(words[0].isupper() for words in told)


@pytest.mark.parametrize("text", ["", "a b", "<b>&" * 9, "x" * 255, "₹10,00,00,00,07,203.90", "a/b_c,d" * 5])
def test_breaks_change_no_text(text):
    shown = page.breakable(text)
    assert unescape(shown.replace("<wbr>", "")) == text
    assert "<b>" not in shown
    assert max(map(len, unescape(shown.replace("<wbr>", "\n")).split("\n"))) <= 16
