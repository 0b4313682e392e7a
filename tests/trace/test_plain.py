"""Plain parsing comes to what the road's cleaning accepts, and shares no code with it."""

import ast
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lib import reference

from akasa.trace import claims, plain, proof, records
from akasa.validate import cleaning

INDIA = "Asia/Kolkata"


@pytest.mark.parametrize("module", [claims, plain, proof, records])
def test_it_shares_nothing_with_what_cleans_judges_and_computes(module):
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    reading = ("akasa.ingest.readers", "akasa.ingest.reading", "akasa.ingest.staging")
    shared = ("akasa.kpis", "akasa.validate", "akasa.publish", *reading)
    # What is imported of them: how rupees are written, and where a delivery was seen.
    known = {"akasa.kpis.results", "akasa.validate.plan"}
    assert {one for one in imported if one and one.startswith(shared)} <= known


MOBILES = [
    "9876543210",
    "98765 43210",
    "(+91) 98765-43210",
    "0091 9876543210",
    "tel:+91-98765-43210",
    "9123456781",
]
AMOUNTS = [
    "7450",
    "₹7450",
    "Rs. 7,450",
    "7450 INR",
    "Rs 7450/-",
    "1,200.50",
    "1200.5",
    "1,00,000",
    "₹1,00,000/-",
    "0",
]
TIMES = [
    "2025-10-12T09:15:32",
    "12/10/2025 09:15",
    "12-Oct-2025 09:15",
    "12-OCTOBER-2025 09:15:00",
    "2025-10-12",
    "2025-10-12T23:59:32.123456789012",
    "2025-09-30T18:30:00Z",
    "2025-10-01 00:00:00 +0530",
    "2025-09-30T18:29:59+00",
]


@pytest.mark.parametrize("text", MOBILES)
def test_numbers(text):
    assert (
        [plain.mobile(text)]
        == cleaning.mobiles(pa.array([text])).to_pylist()
        == [reference.clean_mobile(text)]
    )


@pytest.mark.parametrize("text", AMOUNTS)
def test_amounts(text):
    assert (
        [plain.paise(text)]
        == cleaning.amounts(pa.array([text])).to_pylist()
        == [reference.clean_amount(text)]
    )


@pytest.mark.parametrize("zones", [(INDIA, INDIA), ("UTC", INDIA), (INDIA, "America/New_York")])
@pytest.mark.parametrize("text", TIMES)
def test_days(text, zones):
    (clean,) = cleaning.times(pa.array([text]), *zones).to_pylist()
    assert plain.day(text, *zones) == clean.date() == reference.clean_time(text, *zones).date()


# Letters of every kind of trouble; those that are newer than this Python have no case here.
@given(st.text(st.sampled_from("aBzßẞİıiσςΣΑéÉñ'’1 \u200d\u0301അക്дЖ-"), max_size=8))
def test_a_region_is_alike_what_cleaning_makes_of_it(text):
    (clean,) = cleaning.regions(pa.array([text])).to_pylist()
    assert plain.alike(text, clean)


@given(st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 28)))
def test_any_day(when):
    for form in ("%d-%m-%Y %H:%M:%S", "%d/%m/%Y"):
        assert plain.day(when.strftime(form).rjust(len(form), "0"), INDIA, INDIA) in (when.date(), None)
    assert plain.day(when.isoformat(), INDIA, INDIA) == when.date()
