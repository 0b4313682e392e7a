"""Mobile numbers are found in every form that is read as one, and other numbers are left alone."""

import pandas as pd
import pytest

from akasa.workspace import masking
from akasa.workspace.settings import Settings


@pytest.mark.parametrize(
    "number",
    [
        *("9876543210", "+91 98765 43210", "098765 43210", "+91-98765-43210", "+91 (0) 98765 43210"),
        *("+919876543210", "0091 98765 43210", "98765.43210", "919876543210", "98765 - 43210"),
        *(
            "98765\u200b43210",
            "+91 98765\\-43210",
            "9 8 7 6 5 4 3 2 1 0",
            "98765–43210",
            "98\u00a0765\u00a043210",
        ),
    ],
)
def test_every_spelling_of_a_number_reads_alike(number):
    assert masking.number(number) == "98xxxxxx10"
    assert masking.text(f"call {number}, or 2 of them") == "call 98xxxxxx10, or 2 of them"
    assert masking.text(f"<td>{number}</td><td>7</td>") == "<td>98xxxxxx10</td><td>7</td>"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("8  9820417365  12", "8  98xxxxxx65  12"),
        ("1 9876543210 2", "1 98xxxxxx10 2"),
        ("9876543210 9123456789", "98xxxxxx10 91xxxxxx89"),
        ("Asha9876543210", "Asha98xxxxxx10"),
        ("orders_9876543210.xml", "orders_98xxxxxx10.xml"),
        ("a long text that ends in 98765432...", "a long text that ends in 98xxxxxx..."),
        ("0.9876543210", "0.9876543210"),
        ("19876543210", "19876543210"),
        ("7500.00 8930.50", "7500.00 8930.50"),
        ("8,930,000,000", "8,930,000,000"),
        ("2025-10-12 09:15:32", "2025-10-12 09:15:32"),
        ("ORD-2025-0001", "ORD-2025-0001"),
        ("5876543210", "5876543210"),
    ],
)
def test_numbers_in_a_text(text, shown):
    assert masking.text(text) == shown


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        ("98765 4321", "98xxx xx21"),
        ("5876543210", "58xxxxxx10"),
        ("98765432101", "98xxxxxxx01"),
        ("9876543210.0", "98xxxxxxx0.0"),
        ("९८७६५४३२१०", "९८xxxxxx१०"),
        ("12", "12"),
        ("", ""),
    ],
)
def test_what_is_no_number_but_stands_for_one_is_masked_too(field, shown):
    assert masking.number(field) == shown


def test_a_record_as_it_came_shows_no_number_in_whatever_column_it_slipped():
    record = pd.DataFrame(
        {
            "delivery": ["orders_2025-11-11.xml"],
            "record": [7],
            "customer_name": [" Farhan 98765432"],
            "mobile_number": ["98765 4321"],
            "region": [None],
            "order_date_time": ["2025-10-12T09:15:32"],
            "raw": ["<order><m>98765&#52;321</m></order>"],
        }
    )
    (shown,) = masking.raw_table(record).itertuples(index=False, name=None)
    assert shown[:4] == ("orders_2025-11-11.xml", 7, " Farhan 98xxxx32", "98xxx xx21")
    assert pd.isna(shown[4])
    assert shown[5:] == ("2025-10-12T09:15:32", "<order><m>xxxxx&#xx;xxx</m></order>")


def test_a_table_keeps_its_types_and_its_numbers():
    frame = pd.DataFrame({"mobile_number": ["9876543210"], "paise": [9876543210]}).astype(
        {"mobile_number": "str"}
    )
    shown = masking.table(frame)
    assert shown.dtypes.equals(frame.dtypes)
    assert shown.iloc[0].tolist() == ["98xxxxxx10", 9876543210]


def test_of_an_output_all_texts_are_masked_and_pictures_are_not():
    given = {
        "data": {
            "text/plain": ["9876543210"],
            "image/png": "9876543210",
            "image/svg+xml": "<t>9876543210</t>",
        },
        "metadata": {"image/png": {"alt": "9876543210"}},
        "traceback": ["\x1b[0;31m9876543210\x1b[0m"],
        "execution_count": 1,
    }
    masked = "98xxxxxx10"
    assert masking.output(given) == {
        "data": {"text/plain": [masked], "image/png": "9876543210", "image/svg+xml": f"<t>{masked}</t>"},
        "metadata": {"image/png": {"alt": masked}},
        "traceback": [f"\x1b[0;31m{masked}\x1b[0m"],
        "execution_count": 1,
    }


def test_what_is_shown_is_masked_where_it_is_asked_for_or_where_nobody_knows(monkeypatch):
    assert Settings().mask_pii is False
    for value, shown in (("0", "9876543210"), ("1", "98xxxxxx10"), ("perhaps", "98xxxxxx10")):
        monkeypatch.setenv("MASK_PII", value)
        assert masking.shown("9876543210") == shown


def test_what_is_asked_for_now_counts_and_not_what_was_before(monkeypatch, tmp_path):
    written = tmp_path / ".env"
    monkeypatch.setenv("AKASA_ENV_FILE", str(written))
    told = [masking.is_asked_for()]
    for given in ("MASK_PII=1", "MASK_PII=0", "MASK_PII=?", "MASK_PII=0"):
        written.write_text(given)
        told.append(masking.is_asked_for())
    monkeypatch.setenv("MASK_PII", "1")
    told.append(masking.is_asked_for())
    monkeypatch.setenv("AKASA_ENV_FILE", str(tmp_path))
    monkeypatch.delenv("MASK_PII")
    assert [*told, masking.is_asked_for()] == [False, True, False, True, False, True, False]
