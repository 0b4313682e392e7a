import sys
from datetime import datetime
from functools import partial

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lib import reference as ref

from akasa.validate import cleaning

SPACES = [c for c in map(chr, range(sys.maxunicode + 1)) if c.isspace()]


def cleaned(clean, *texts):
    return clean(pa.array(texts, pa.string())).to_pylist()


def between(source, business):
    return partial(cleaning.times, source_timezone=source, business_timezone=business)


in_india = between("Asia/Kolkata", "Asia/Kolkata")


# docs/rules.md: Accepted forms, line by line.


def test_ids_are_trimmed_and_keep_their_inner_case():
    assert cleaned(cleaning.ids, " Cust-007  a\t", "007", "\u00a0x\u2003", "", " \n", None) == [
        "Cust-007  a",
        "007",
        "x",
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("clean", "text", "visible"),
    [
        (cleaning.names, "അവന്\u200dറെ", "അവന്\u200dറെ"),
        (cleaning.names, "क्\u200cष", "क्\u200cष"),
        (cleaning.regions, "क्\u200dष", "क्\u200dष"),
        (cleaning.names, "\u200dക\u200d \u200dന\u200d", "ക ന"),
        (cleaning.names, "ക\u200d\u200dന", "കന"),
        (cleaning.names, "ക\ufeff\u200d\u200bന", "ക\u200dന"),
        (cleaning.names, "A\u200d1\u200cB", "A1B"),
        (cleaning.names, "👩\u200d👩", "👩👩"),
        (cleaning.regions, "\ufeffnor\u00adth\u200b", "North"),
        (cleaning.ids, "ക\u200dന", "കന"),
        (cleaning.ids, "\u200b \u200bORD\u2060-1\u200e \ufeff", "ORD-1"),
        (cleaning.ids, "\u200b", None),
        (cleaning.ids, "e\u200b\u0301", "é"),
    ],
)
def test_what_is_invisible_is_dropped_but_what_joins_two_letters_of_a_name_stays(clean, text, visible):
    assert cleaned(clean, text) == [visible]


def test_a_column_of_several_chunks_is_cleaned_like_one_of_one():
    chunks = pa.chunked_array([["a\u200b"], [], [None, "b"], ["c\u200dd"]], pa.string())
    assert cleaning.visible(chunks[1:], joined=True).to_pylist() == [None, "b", "c\u200dd"]
    assert cleaning.has_invisible(chunks).tolist() == [True, False, False, True]
    assert cleaning.has_invisible(chunks, joined=True).tolist() == [True, False, False, False]
    assert cleaning.has_control(chunks).tolist() == [False] * 4


def test_an_id_is_one_whatever_accents_are_made_of_and_spaces_stand_around_it():
    around = [f"{space}Zoe\u0308-1{space}" for space in SPACES]
    assert set(cleaned(cleaning.ids, *around, "Zoë-1")) == {"Zoë-1"}


@pytest.mark.parametrize(
    "text",
    [
        "9876543210", " 98765 43210\n", "+91 98765-43210", "0091-9876543210", "919876543210",
        "0 98765.43210", "(+91) 98765 43210", "[0]{98765}43210", "+91\u00a098765–43210",
        "9-8-7-6-5-4-3-2-1-0", "+91 (0) 98765 43210", "0091-0-9876543210", "tel:+91-98765-43210",
        "TEL: 9876543210",
        "\u202a+91 98765 43210\u202c", "98765\u200b43210\ufeff",
    ],
)  # fmt: skip
def test_mobile_numbers(text):
    assert cleaned(cleaning.mobiles, text) == ["9876543210"]


def test_a_prefix_is_dropped_only_where_more_than_ten_digits_are_left():
    assert cleaned(cleaning.mobiles, "9123456781", "919123456781", "09123456781", "0919123456") == [
        "9123456781",
        "9123456781",
        "9123456781",
        None,
    ]


@pytest.mark.parametrize(
    "text",
    [
        None, "", " ", "-", "987654321", "98765432100", "5876543210", "+9876543210", "+1 9876543210",
        "0919876543210", "00919123456", "9876543210x", "9876543210/1", "98765,43210", "९८७६५४३२१०",
        "9.87654321e9", "9876543210.0", "tel+919876543210", "mob:9876543210", "00 98765 43210",
        "+91009876543210",
    ],
)  # fmt: skip
def test_no_mobile_number(text):
    assert cleaned(cleaning.mobiles, text) == [None]


def test_names_are_trimmed_collapsed_and_composed():
    assert cleaned(cleaning.names, "  Asha \t\u2003 Rao\n", "Zoe\u0308", "d'Souza", "", " \u00a0", None) == [
        "Asha Rao",
        "Zoë",
        "d'Souza",
        "Unknown",
        "Unknown",
        "Unknown",
    ]


def test_regions_are_names_in_title_case():
    texts = ["NORTH ", "north", "North  EAST", "jammu & kashmir", "E\u0301st", "उत्तर", "", None]
    assert cleaned(cleaning.regions, *texts) == [
        "North",
        "North",
        "North East",
        "Jammu & Kashmir",
        "Ést",
        "उत्तर",
        "Unknown",
        "Unknown",
    ]


@pytest.mark.parametrize(
    ("region", "texts"),
    [
        ("St John's", ["ST JOHN'S", "st john's", "St John'S"]),
        ("St John’s", ["ST JOHN’S"]),
        ("O'Neil", ["O'NEIL", "o'neil"]),
        ("'North' \"East\"", ["'north' \"EAST\""]),
        ("1st Zone", ["1ST ZONE", "1st zone", "1St Zone"]),
        ("Sector 22b-North", ["SECTOR 22B-NORTH", "sector 22b-north"]),
        ("North-East (Hills)", ["NORTH-EAST (HILLS)"]),
        ("Αθηνας", ["ΑΘΗΝΑΣ", "αθηνας", "αθηνασ", "ΑΘΗΝΑς"]),
        ("Σάμος Κως", ["ΣΆΜΟΣ ΚΩΣ", "ςάμος κως", "Σα\u0301μοσ Κωσ"]),
        ("Σάσσας'σ", ["ΣΆΣΣΑΣ'Σ", "σάσσας'ς"]),
    ],
)
def test_a_region_has_one_spelling_whatever_came(region, texts):
    assert set(cleaned(cleaning.regions, region, *texts)) == {region}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("2025-10-12T09:15:32", datetime(2025, 10, 12, 9, 15, 32)),
        ("2024-10-15 10:30:00", datetime(2024, 10, 15, 10, 30)),
        (" 2025-10-12T09:15\n", datetime(2025, 10, 12, 9, 15)),
        ("2025-10-12T09:15:32.5", datetime(2025, 10, 12, 9, 15, 32, 500_000)),
        ("2025-10-12T09:15:32.000001", datetime(2025, 10, 12, 9, 15, 32, 1)),
        ("2025-10-12T23:59:59.9999999", datetime(2025, 10, 12, 23, 59, 59, 999_999)),
        ("2025-10-12", datetime(2025, 10, 12)),
        ("12-10-2025 09:15", datetime(2025, 10, 12, 9, 15)),
        ("12-10-2025 09:15:32", datetime(2025, 10, 12, 9, 15, 32)),
        ("12/10/2025 09:15", datetime(2025, 10, 12, 9, 15)),
        ("12/10/2025 09:15:32", datetime(2025, 10, 12, 9, 15, 32)),
        ("01/02/2025", datetime(2025, 2, 1)),
        ("29-02-2024", datetime(2024, 2, 29)),
        ("2000-02-29", datetime(2000, 2, 29)),
        ("2025-09-30T18:29:59Z", datetime(2025, 9, 30, 23, 59, 59)),
        ("2025-09-30T18:30:00Z", datetime(2025, 10, 1)),
        ("2025-12-31T18:30Z", datetime(2026, 1, 1)),
        ("2025-02-28T18:30:00.25Z", datetime(2025, 3, 1, 0, 0, 0, 250_000)),
        ("2025-10-01T00:00:00+05:30", datetime(2025, 10, 1)),
        ("2025-09-30T23:59:59.999999+0530", datetime(2025, 9, 30, 23, 59, 59, 999_999)),
        ("2025-10-01T00:00:00+05:45", datetime(2025, 9, 30, 23, 45)),
        ("2025-10-01 03:30+09", datetime(2025, 10, 1)),
        ("2025-12-31T13:30:00-05:00", datetime(2026, 1, 1)),
        ("1000-01-01", datetime(1000, 1, 1)),
        ("2025-10-12 09:15:32 +0530", datetime(2025, 10, 12, 9, 15, 32)),
        ("2025-10-12T03:45:32 Z", datetime(2025, 10, 12, 9, 15, 32)),
        ("2025-10-12T09:15:32.1234567890123456789", datetime(2025, 10, 12, 9, 15, 32, 123_456)),
        ("2025-10-12T09:15:32.12345678901+05:30", datetime(2025, 10, 12, 9, 15, 32, 123_456)),
        ("12-Oct-2025", datetime(2025, 10, 12)),
        ("01-MAY-2025 09:15", datetime(2025, 5, 1, 9, 15)),
        ("12-october-2025 09:15:32", datetime(2025, 10, 12, 9, 15, 32)),
        ("\u200e2025-10-12T09:15:32\ufeff", datetime(2025, 10, 12, 9, 15, 32)),
        ("9999-12-31T23:59:59.999999", datetime(9999, 12, 31, 23, 59, 59, 999_999)),
    ],
)
def test_order_date_times(text, clean):
    assert cleaned(in_india, text) == [clean]


@pytest.mark.parametrize(
    "text",
    [
        None, "", " ", "yesterday", "20251012", "20251012T091532", "2025-10-12T9:15", "2025-10-12T09",
        "2025-1-2", "1/2/2025", "12-10-25", "12-10/2025", "12.10.2025", "10/13/2025", "2025-13-01",
        "2025-00-01", "2025-10-00", "2025-02-29", "1900-02-29", "31-04-2025", "2025-10-12T24:00",
        "2025-10-12T09:60", "2025-10-12T09:15:60", "2025-10-12T09:15:32.", "2025-10-12T09:15.5",
        "2025-10-12Z", "2025-10-12T09:15+5:30", "2025-10-12T09:15+14:01", "2025-10-12T09:15+05:60",
        "2025-10-12 09:15 PM", "2025-10-12T09:15 IST", "12-10-2025T09:15", "12-10-2025 09:15:32.5",
        "12-10-2025 09:15Z", "12-10-2025 09:15+05:30", "45942", "२०२५-10-12", "0999-12-31T23:59",
        "0000-01-01", "9999-12-31T23:59:59Z", "2025-10-12 09:15  +0530", "2025-10-12 +0530", "12-Oct-25",
        "12-Octo-2025",
        "12-Sept-2025", "12 Oct 2025", "Oct-12-2025", "32-Oct-2025", "29-Feb-2025", "12-ſep-2025",
        "12-Okt-2025",
        "12-Oct-2025 09:15 PM", "9:15 12-Oct-2025", "12-Oct-2025T09:15", "-Oct-2025",
    ],
)  # fmt: skip
def test_no_order_date_time(text):
    assert cleaned(in_india, text) == [None]


@pytest.mark.parametrize(
    ("text", "source", "business", "clean"),
    [
        ("2025-10-31 20:00", "UTC", "Asia/Kolkata", datetime(2025, 11, 1, 1, 30)),
        ("2025-11-01 00:00", "Asia/Kolkata", "UTC", datetime(2025, 10, 31, 18, 30)),
        ("2025-11-01", "Asia/Kolkata", "UTC", datetime(2025, 11, 1)),
        ("2025-10-12", "UTC", "Asia/Kolkata", datetime(2025, 10, 12)),
        ("12-10-2025", "UTC", "Asia/Kolkata", datetime(2025, 10, 12)),
        ("12/10/2025", "America/New_York", "Asia/Kolkata", datetime(2025, 10, 12)),
        ("2024-09-08", "America/Santiago", "UTC", datetime(2024, 9, 8)),  # a day without a midnight
        ("2011-12-30", "Pacific/Apia", "UTC", datetime(2011, 12, 30)),  # a day that never was there
        ("9999-12-31", "Pacific/Auckland", "Asia/Kolkata", datetime(9999, 12, 31)),
        ("2025-11-01T00:00:00+05:30", "UTC", "UTC", datetime(2025, 10, 31, 18, 30)),
        ("2025-11-01T00:00:00Z", "America/New_York", "UTC", datetime(2025, 11, 1)),
        ("2025-03-09 01:59:59", "America/New_York", "UTC", datetime(2025, 3, 9, 6, 59, 59)),
        ("2025-03-09 02:30", "America/New_York", "UTC", None),
        ("2025-03-09 03:00", "America/New_York", "UTC", datetime(2025, 3, 9, 7)),
        ("2025-11-02 00:59:59", "America/New_York", "UTC", datetime(2025, 11, 2, 4, 59, 59)),
        ("2025-11-02 01:30", "America/New_York", "UTC", None),
        ("2025-11-02 02:00", "America/New_York", "UTC", datetime(2025, 11, 2, 7)),
        ("2025-11-02 01:30", "America/New_York", "America/New_York", datetime(2025, 11, 2, 1, 30)),
        ("2025-11-02 01:30-04:00", "America/New_York", "America/New_York", datetime(2025, 11, 2, 1, 30)),
        ("2025-11-02 01:30-05:00", "America/New_York", "America/New_York", datetime(2025, 11, 2, 1, 30)),
        ("2025-11-02T06:30Z", "America/New_York", "America/New_York", datetime(2025, 11, 2, 1, 30)),
    ],
)
def test_time_zones_and_clock_changes(text, source, business, clean):
    assert cleaned(between(source, business), text) == [clean]


@pytest.mark.parametrize("business", ["Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Apia", "Etc/GMT+12"])
def test_the_last_days_of_the_calendar_are_not_converted(business):
    texts = ["9999-12-29T23:00Z", "9999-12-31T00:00-12:00", "9999-12-31T23:59:59", "9999-12-30 12:00"]
    first, *late = cleaned(between("Pacific/Auckland", business), *texts)
    assert first.year == 9999
    assert late == [None, None, None]
    assert cleaned(between(business, business), "9999-12-31") == [datetime(9999, 12, 31)]


@pytest.mark.parametrize(("text", "count"), [("1", 1), (" 12\n", 12), ("007", 7), ("999999999", 999_999_999)])
def test_sku_counts(text, count):
    assert cleaned(cleaning.counts, text) == [count]


@pytest.mark.parametrize(
    "text",
    [None, "", "0", "00", "-1", "+1", "1.0", "1e1", "1,000", "1 0", "two", "1000000000", "0" * 300, "१", "½"],
)
def test_no_sku_count(text):
    assert cleaned(cleaning.counts, text) == [None]


@pytest.mark.parametrize(
    ("text", "paise"),
    [
        ("7450", 745000),
        ("5500.00", 550000),
        ("7450.5", 745050),
        ("0", 0),
        ("0.00", 0),
        ("000.05", 5),
        ("1,200.50", 120050),
        ("12,345", 1234500),
        ("1,234,567.89", 123456789),
        ("1,00,000", 10000000),
        ("12,34,567.8", 123456780),
        ("₹1,00,000.00", 10000000),
        (" ₹\u00a05 ", 500),
        ("Rs. 1,200.50", 120050),
        ("Rs.5", 500),
        ("rs5", 500),
        ("INR 5500", 550000),
        ("5500 inr", 550000),
        ("5500₹", 550000),
        ("5500 Rs.", 550000),
        ("Rs 500/-", 50000),
        ("₹1,00,000/-", 10000000),
        ("500/-", 50000),
        ("Rs. 1,200.50 /-", 120050),
        ("500/- INR", 50000),
        ("Re. 1", 100),
        ("Re 1", 100),
        ("1 re", 100),
        ("₹\u200b5\u00ad00", 50000),
        ("9999999999999.99", 999999999999999),
        ("0" * 300 + "1", 100),
    ],
)
def test_total_amounts_are_paise(text, paise):
    assert cleaned(cleaning.amounts, text) == [paise]


@pytest.mark.parametrize(
    "text",
    [
        None, "", " ", "-5", "-0", "₹-5", "+5", "(5)", "NaN", "inf", "1e3", "1.234", "1.000", "5.", ".5",
        "1.2.3", "1 200", "1,0,0", "100,00,000", "1,00", "1,2345", ",100", "1,200,", "1,200,00",
        "0,000", "00,500", "0,00,500", "500/", "500-", "500/--", "/-", "Rs 500/-/-", "R 5", "Rs. Re. 1",
        "1.200,50", "1,200.5,0", "₹5 INR", "₹₹5", "$5", "Rs", "Rſ5", "5 Rs..", "५", "0x10", "1_000",
        "10000000000000", "9" * 300,
    ],
)  # fmt: skip
def test_no_total_amount(text):
    assert cleaned(cleaning.amounts, text) == [None]


# The same texts, cleaned as columns here and one by one in the reference: accepted forms, and near misses.

TRICKY = st.sampled_from(
    [
        *"0123456789+-–−.,:/ TZRrSsIiNn₹eE'()[]{}\0",
        "/-",
        "tel:",
        "Oct",
        "\u200d",
        "\u00ad",
        "९",
        "ſ",
        "\u200b",
        "\ufeff",
        "Ⅷ",
        *SPACES,
    ]
)
ANY_TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"]))


def mutated(texts):
    """Texts, some with a character dropped, put in or replaced, some between spaces."""
    return st.builds(_mutate, texts, st.integers(0, 40), st.just("") | TRICKY, st.integers(0, 1)) | st.builds(
        "{1}{0}{1}".format, texts, st.text(st.sampled_from(SPACES), max_size=2)
    )


def _mutate(text, place, put, dropped):
    return text[:place] + put + text[place + dropped :]


def column(texts):
    return st.lists(texts | mutated(texts) | ANY_TEXT, max_size=20)


def assert_as_in_reference(clean, reference, texts):
    found = cleaned(clean, *texts)
    assert found == [reference(text) for text in texts]
    return found


FILLER = st.sampled_from(["", "", " ", "-", ".", "(", ")", "[", "{", "\u00a0", "–", "−", "\t"])
MOBILE = st.builds(
    lambda prefix, digits, filler: prefix + filler + filler.join(digits),
    st.sampled_from(
        ["", "", "+91", "0091", "91", "0", "+", "00", "091", "910", "tel:+91", "+91(0)", "TEL:0"]
    ),
    st.from_regex(r"[5-9][0-9]{8,10}", fullmatch=True),
    FILLER,
)


@given(column(MOBILE))
def test_mobiles_as_in_the_reference(texts):
    found = assert_as_in_reference(cleaning.mobiles, ref.clean_mobile, texts)
    assert cleaned(cleaning.mobiles, *found) == found


@given(column(st.from_regex(r"0{0,3}[0-9]{0,11}", fullmatch=True)))
def test_counts_as_in_the_reference(texts):
    found = assert_as_in_reference(cleaning.counts, ref.clean_count, texts)
    assert cleaned(cleaning.counts, *(n and str(n) for n in found)) == found


SIGN = st.sampled_from(
    ["", "", "", "₹", "Rs.", "Rs", "rs ", " RS.", "INR", "inr ", " InR", "Re. ", "RE", "/-", " /-"]
)
AMOUNT = st.builds(
    "{}{}{}{}".format,
    SIGN,
    st.from_regex(
        r"[0-9]{1,15}|[0-9]{1,3}(,[0-9]{3}){1,5}|[0-9]{1,2}(,[0-9]{2}){1,4},[0-9]{3}", fullmatch=True
    ),
    st.from_regex(r"(\.[0-9]{0,3})?", fullmatch=True),
    SIGN,
)


@given(column(AMOUNT))
def test_amounts_as_in_the_reference(texts):
    found = assert_as_in_reference(cleaning.amounts, ref.clean_amount, texts)
    assert cleaned(cleaning.amounts, *(None if n is None else ref.rupees(n) for n in found)) == found


OFFSET = r" ?Z| ?[+-](0[0-9]|1[0-5])(:?([0-5][0-9]|60))?"
CLOCK, SECOND = r"([01][0-9]|2[0-4]):[0-5][0-9]", r"(:[0-6][0-9])?"
DAY, MONTH, YEAR = r"[0-3][0-9]", r"(0[0-9]|1[0-3])", r"(09|10|18|19|20)[0-9]{2}"
FRACTION = r"([.,][0-9]{1,25})?"
ISO = rf"{YEAR}-{MONTH}-{DAY}([T ]{CLOCK}{SECOND}{FRACTION}({OFFSET})?)?"
NAMED = "([A-Z][a-z]{2}|Jan|FEB|march|Apr|may|June|Juli|aug|September|Sept|October|nov|DECEMBER)"
DAY_FIRST = rf"({DAY}-{MONTH}-|{DAY}/{MONTH}/|{DAY}-{NAMED}-){YEAR}( {CLOCK}{SECOND})?"
TIME = st.from_regex(ISO, fullmatch=True) | st.from_regex(DAY_FIRST, fullmatch=True)
REAL_TIME = st.builds(
    "{}{}".format,
    st.datetimes(datetime(1850, 1, 1), datetime(2100, 1, 1)),
    st.just("") | st.from_regex(OFFSET, fullmatch=True),
)
CLOCK_CHANGE = st.builds(
    "{} 0{}:{:02}".format,
    st.sampled_from(["2025-03-09", "2025-11-02", "2025-03-30", "2025-10-26", "1945-10-15", "1906-01-01"]),
    st.integers(0, 3),
    st.integers(0, 59),
)
ZONES = ["UTC", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"]
ZONE = st.just("Asia/Kolkata") | st.sampled_from(ZONES)
EDGES = ["0999-12-31T23:59-14:00", "1000-01-01T00:00+14:00", "1000-01-01"]


@given(column(TIME | REAL_TIME | CLOCK_CHANGE), ZONE, ZONE)
@example(EDGES, "UTC", "Asia/Kolkata")
@example(EDGES, "Pacific/Apia", "America/New_York")
def test_times_as_in_the_reference(texts, source, business):
    found = assert_as_in_reference(
        between(source, business), lambda text: ref.clean_time(text, source, business), texts
    )
    again = between(business, business)
    assert cleaned(again, *(time and time.isoformat() for time in found)) == found


LETTERS = [
    *"\u200c\u200d\u00ad\ufeff\u200e",
    "ന്",
    *"abcXYZ",
    *"éÉñÑøØçÇ",
    "e\u0301",
    "न",
    "த",
    *"ΣσςαΑ’1s  \t\u00a0'-&.0",
]
WORDS = st.lists(st.sampled_from(LETTERS)).map("".join)


@given(column(WORDS))
def test_ids_and_names_as_in_the_reference(texts):
    ids = assert_as_in_reference(cleaning.ids, ref.clean_id, texts)
    names = assert_as_in_reference(cleaning.names, ref.clean_name, texts)
    assert cleaned(cleaning.ids, *ids) == ids
    assert cleaned(cleaning.names, *names) == names


@given(st.lists(WORDS | st.none(), max_size=20))
def test_regions_as_in_the_reference(texts):
    assert_as_in_reference(cleaning.regions, ref.clean_region, texts)


@given(st.lists(ANY_TEXT, max_size=20))
def test_regions_of_any_text_clean_to_themselves(texts):
    found = cleaned(cleaning.regions, *texts)
    assert cleaned(cleaning.regions, *found) == found


# Frames.

CLEANERS = {"customers": cleaning.clean_customers, "orders": cleaning.clean_orders}
FIELDS = {"customers": ref.CUSTOMER_FIELDS, "orders": ref.ORDER_FIELDS}
CLEAN = {
    "customers": {"record": "Int64", **dict.fromkeys(ref.CUSTOMER_FIELDS, "str")},
    "orders": {
        "record": "Int64",
        "order_id": "str",
        "mobile_number": "str",
        "order_date_time": "datetime64[us]",
        "sku_id": "str",
        "sku_count": "Int64",
        "total_amount_paise": "Int64",
        "order_date": "datetime64[s]",
    },
}
both = pytest.mark.parametrize("kind", ["customers", "orders"])


def raw(kind, *rows):
    frame = pd.DataFrame(rows, columns=FIELDS[kind], dtype="str")
    return frame.assign(record=range(1, len(rows) + 1), malformed=None, raw=None)


def test_clean_customers():
    clean = cleaning.clean_customers(
        raw("customers", [" 1 ", " Asha  Rao", "+91 98765 43210", "NORTH"], [None] * 4)
    )
    assert clean.astype(object).where(clean.notna(), None).to_numpy().tolist() == [
        [1, "1", "Asha Rao", "9876543210", "North"],
        [2, None, "Unknown", None, "Unknown"],
    ]


def test_clean_orders():
    line = ["1001", "9876543210", "2025-10-12T20:00:00Z", "SKU-1", "2", "₹7,450.50"]
    clean = cleaning.clean_orders(raw("orders", line, [None] * 6))
    first, second = clean.astype(object).where(clean.notna(), None).to_numpy().tolist()
    time, day = pd.Timestamp("2025-10-13 01:30"), pd.Timestamp("2025-10-13")
    assert first == [1, "1001", "9876543210", time, "SKU-1", 2, 745050, day]
    assert second == [2, *[None] * 7]


def test_time_zones_of_clean_orders():
    frame = raw("orders", ["1", "9876543210", "2025-10-31 20:00", "S", "1", "1"])
    assert cleaning.clean_orders(frame)["order_date"][0] == pd.Timestamp("2025-10-31")
    assert cleaning.clean_orders(frame, "UTC")["order_date"][0] == pd.Timestamp("2025-11-01")
    assert cleaning.clean_orders(frame, "Asia/Kolkata", "UTC")["order_date"][0] == pd.Timestamp("2025-10-31")


@both
def test_types_are_the_same_with_and_without_rows(kind):
    for frame in (raw(kind), raw(kind, [None] * len(FIELDS[kind])), raw(kind, ["x"] * len(FIELDS[kind]))):
        assert CLEANERS[kind](frame).dtypes.astype(str).to_dict() == CLEAN[kind]


@both
@given(data=st.data())
def test_any_text_keeps_index_and_argument_as_they_are(kind, data):
    width = len(FIELDS[kind])
    rows = data.draw(st.lists(st.lists(ANY_TEXT, min_size=width, max_size=width), max_size=5))
    labels = data.draw(st.lists(st.integers(-9, 9), min_size=len(rows), max_size=len(rows)))
    frame = raw(kind, *rows).set_axis(pd.Index(labels, dtype="int64"))
    before = frame.copy(deep=True)
    clean = CLEANERS[kind](frame)
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_index_equal(clean.index, frame.index)
    assert clean["record"].tolist() == frame["record"].tolist()
