import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akasa.kpis.results import rupees
from akasa.report.formats import indian, indian_count, table
from akasa.workspace.spreadsheet import neutralise, restore

TRIGGERS = tuple("=+-@\t\r\n＝＋－＠")
HOSTILE = st.text(alphabet=st.one_of(st.sampled_from("'" + "".join(TRIGGERS)), st.characters(codec="utf-8")))


@pytest.mark.parametrize(
    ("paise", "text"),
    [
        (0, "0.00"),
        (1, "0.01"),
        (99, "0.99"),
        (100, "1.00"),
        (-1, "-0.01"),
        (-12345, "-123.45"),
        (10**15, "10000000000000.00"),
        (2**63 - 1, "92233720368547758.07"),
    ],
)
def test_rupees_are_exact(paise: int, text: str) -> None:
    assert rupees(paise) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1,000"),
        (99999, "99,999"),
        (100000, "1,00,000"),
        (1234567, "12,34,567"),
        (10000000, "1,00,00,000"),
        (123456789012, "1,23,45,67,89,012"),
        (-100000, "-1,00,000"),
    ],
)
def test_counts_are_grouped_the_indian_way(number: int, text: str) -> None:
    assert indian_count(number) == text


def test_money_is_grouped_the_indian_way() -> None:
    assert indian(10500000) == "₹1,05,000.00"
    assert indian(99) == "₹0.99"
    assert indian(-10500005) == "-₹1,05,000.05"


@pytest.mark.parametrize(
    "text", ["=1+1", "+91", "-1", "@x", "\tx", "\rx", "\nx", "＝1", "＋1", "－1", "＠x", "'=x", "''=x"]
)
def test_formulas_get_one_apostrophe(text: str) -> None:
    assert neutralise(text) == "'" + text
    assert restore("'" + text) == text


@pytest.mark.parametrize("text", ["", "'", "''", "'Asha'", "Asha", "a=b", " =1", "O'Brien", "12"])
def test_other_text_stays(text: str) -> None:
    assert neutralise(text) == text
    assert restore(text) == text


def test_restoring_takes_nothing_but_an_apostrophe() -> None:
    assert restore("=1+1") == "=1+1"


@given(HOSTILE)
def test_what_was_neutralised_can_be_restored(text: str) -> None:
    assert restore(neutralise(text)) == text


@given(HOSTILE)
def test_neutral_text_never_starts_a_formula(text: str) -> None:
    assert not neutralise(text).startswith(TRIGGERS)


def test_a_table_is_masked_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"customer_id": "C1", "customer_name": "Asha", "mobile_number": "9876543210", "region": "North"}
    frame = pd.DataFrame([{**row, "order_count": 2}])
    for value, shown in (("0", "9876543210"), ("1", "98xxxxxx10")):
        monkeypatch.setenv("MASK_PII", value)
        assert table("repeat_customers", frame)["mobile_number"].tolist() == [shown]
