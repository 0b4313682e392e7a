"""What a delivery looks like: by hand on the sample, and beside a slow profile in plain Python."""

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lib import looks

from akasa.ingest import readers
from akasa.validate import cleaning, profiling
from akasa.workspace.settings import ROOT


def profiled(kind, records):
    encoded = cleaning.encode(records, profiling.FIELDS[kind])
    clean = cleaning.clean_customers if kind == "customers" else cleaning.clean_orders
    return profiling.profile(kind, encoded, clean(encoded))


def records(kind, **columns):
    """Return records of texts by field, in order; a field that is not named is absent in all."""
    number = max(map(len, columns.values()))
    given = {name: columns.get(name, [None] * number) for name in profiling.FIELDS[kind]}
    texts = {name: pa.array(values, pa.string()) for name, values in given.items()}
    nothing = pa.nulls(number, pa.string())
    return pa.table({"record": pa.array(range(number)), **texts, "malformed": nothing, "raw": nothing})


def test_the_orders_of_the_sample_by_hand():
    found = profiled("orders", readers.read_orders(ROOT / "data/orders.xml").read_all())
    assert (found.records, found.malformed, found.regions) == (77, 0, {})
    assert found.columns["sku_id"].filled == 76
    time, count, amount = (found.columns[name] for name in ("order_date_time", "sku_count", "total_amount"))
    assert (time.filled, time.distinct, time.invalid) == (77, 32, 1)
    assert (time.least, time.most) == ("2025-08-04T08:12:45", "2025-11-10T11:06:54")
    assert time.forms == {"T before the time": 77, "YYYY-MM-DD": 77, "Z": 5, "an offset": 3}
    assert (count.invalid, count.least, count.most) == (1, "1", "24")
    assert count.frequent == (("1", 49), ("2", 24))
    assert (amount.least, amount.most) == ("3500.00", "105000.00")
    assert amount.forms == {"whole rupees": 75, "thousands separators": 3, "decimals": 2}
    assert found.columns["order_id"].forms == {"A-9-9": 77}


def test_the_customers_of_the_sample_by_hand():
    found = profiled("customers", readers.read_customers(ROOT / "data/customers.csv").read_all())
    mobile, region = found.columns["mobile_number"], found.columns["region"]
    assert (found.records, mobile.filled, mobile.distinct) == (23, 21, 20)
    assert mobile.forms == {"ten digits": 20, "+91 in front": 1, "spaces": 1}
    assert region.forms == {"Capitals and small": 21, "small letters": 1, "spaces around": 1}
    assert found.regions == {"South": 6, "Central": 4, "East": 4, "North": 4, "West": 4, "Unknown": 1}
    assert found.columns["customer_id"].frequent == (("CUST-007", 2),)


@pytest.mark.parametrize(
    ("field", "text", "forms"),
    [
        ("mobile_number", "9876543210", {"ten digits"}),
        ("mobile_number", "(+91) 98765-43210", {"+91 in front", "spaces", "dashes", "brackets"}),
        ("mobile_number", "tel:0091 9876543210", {"0091 in front", "spaces", "tel:"}),
        ("mobile_number", "919876543210", {"91 in front"}),
        ("mobile_number", "098765.43210", {"0 in front", "dots"}),
        ("total_amount", "₹1,00,000/-", {"whole rupees", "thousands separators", "₹", "/-"}),
        ("total_amount", "Rs. 7.50", {"decimals", "Rs"}),
        ("total_amount", "-5", {"whole rupees", "a minus"}),
        ("total_amount", "INR", {"no digits", "INR"}),
        ("order_date_time", "2025/10/12 9:15", {"another day", "a space before the time", "no seconds"}),
        ("order_date_time", "yesterday", {"another day"}),
        ("order_date_time", "12-Oct-2025 09:15", {"DD-Mon-YYYY", "a space before the time", "no seconds"}),
        ("order_date_time", "12/10/2025", {"DD/MM/YYYY", "a day alone"}),
        (
            "order_date_time",
            "2025-10-12T09:15:32.5+05:30",
            {"YYYY-MM-DD", "T before the time", "fractions of a second", "an offset"},
        ),
        ("sku_count", "1.0", {"other than digits"}),
        ("sku_id", "SKU-1001", {"A-9"}),
    ],
)
def test_forms_of_orders(field, text, forms):
    found = profiled("orders", records("orders", **{field: [text, None, text, " "]}))
    assert found.columns[field].forms == dict.fromkeys(sorted(forms), 2)
    assert found.columns[field].filled == 2


def test_texts_that_come_once_each_are_not_the_most_frequent_and_ties_stand_by_their_letters():
    once = profiled("orders", records("orders", sku_id=["b", "a", "c"])).columns["sku_id"]
    assert (once.frequent, once.least, once.most) == ((), "a", "c")
    tied = profiled("orders", records("orders", sku_id=[*"bbaaddccce"])).columns["sku_id"]
    assert tied.frequent == (("c", 3), ("a", 2), ("b", 2))


def test_nothing_at_all():
    found = profiled("customers", records("customers", region=[]))
    assert found.records == 0
    assert {(c.filled, c.distinct, c.least, c.frequent, *c.forms) for c in found.columns.values()} == {
        (0, 0, None, ())
    }


PIECES = st.sampled_from(
    [
        *("9876543210", "98765", "43210", "+91", "91", "0", "0091", "-", "(", "2025-10-12", "T09:15", ":32"),
        *("Z", "+05:30", ".5", "7,450", "₹", "Rs", "INR", "/-", "West", "NORTH", "zone", "é", " ", "  "),
        *("\u200b", "\u0939"),
    ]
)
TEXTS = st.none() | st.lists(PIECES, max_size=4).map("".join) | st.text(max_size=6)
KINDS = st.sampled_from(sorted(profiling.FIELDS))


@given(KINDS, st.lists(TEXTS, max_size=8))
@example("orders", ["2025-10-12T09:15:32Z", "12-Oct-2025 09:15", "+91 98765 43210", "₹7,450.00"])
@example("customers", ["\u200b ", "  West", "WEST  zone", None])
def test_every_column_is_as_a_slow_profile_says(kind, texts):
    texts = [text and text.replace("\0", "") for text in texts]
    found = profiled(kind, records(kind, **dict.fromkeys(profiling.FIELDS[kind], texts)))
    for field, column in found.columns.items():
        slow = looks.column(field, texts)
        told = {**vars(column), "frequent": list(column.frequent), "forms": dict(column.forms)}
        assert (field, told) == (field, slow)
