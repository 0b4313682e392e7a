"""The reference against values worked out by hand, and against truth that was made before its spelling."""

import csv
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from lib import reference as ref
from lib import truth as made

DAY = date(2025, 10, 13)


# docs/rules.md: Accepted forms, line by line.


@pytest.mark.parametrize(
    "text",
    [
        "9876543210",
        "+919876543210",
        "00919876543210",
        "919876543210",
        "09876543210",
        "+91 98765 43210",
        "+91-98765-43210",
        "(+91) 98765.43210",
        "[0]98765{4}3210",
        "98765–43210",
        "98765−43210",
        "\u00a098765\u200943210\t",
    ],
)
def test_mobile_number_accepted(text):
    assert ref.clean_mobile(text) == "9876543210"


def test_mobile_number_that_begins_with_91_is_whole():
    assert ref.clean_mobile("9123456781") == "9123456781"
    assert ref.clean_mobile("919123456781") == "9123456781"
    assert ref.clean_mobile("09123456781") == "9123456781"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        "987654321",
        "5876543210",
        "98765432101",
        "+9876543210",
        "+9123456781",
        "+1 9876543210",
        "+0919876543210",
        "0919876543210",
        "9191 9876543210",
        "9876543210 x1",
        "98765/43210",
        "98765,43210",
        "९८७६५४३२१०",
    ],
)
def test_mobile_number_refused(text):
    assert ref.clean_mobile(text) is None


@pytest.mark.parametrize(
    ("text", "paise"),
    [
        ("5500", 550000),
        ("5500.00", 550000),
        ("7450.5", 745050),
        ("0", 0),
        ("0.00", 0),
        ("0.01", 1),
        ("007", 700),
        ("1,200.50", 120050),
        ("1,234,567.89", 123456789),
        ("1,00,000", 10000000),
        ("12,34,567.8", 123456780),
        ("₹1,00,000.00", 10000000),
        ("₹ 5", 500),
        ("Rs. 1,200.50", 120050),
        ("Rs.5", 500),
        ("rs 5", 500),
        ("RS5", 500),
        ("INR 5500", 550000),
        ("inr5500", 550000),
        ("5500 INR", 550000),
        ("5500₹", 550000),
        ("100 Rs.", 10000),
        (" 5500 ", 550000),
        ("9999999999999.99", 999999999999999),
        ("0009999999999999", 999999999999900),
    ],
)
def test_total_amount_accepted(text, paise):
    assert ref.clean_amount(text) == paise


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        "-5",
        "-0",
        "₹-5",
        "NaN",
        "inf",
        "1e3",
        "10.005",
        "10.000",
        "5.",
        ".5",
        "+5",
        "1 200",
        "1,0,0",
        "100,00,000",
        "1,00",
        "1,2345",
        ",100",
        "1,200,",
        "1.200,50",
        "₹5 INR",
        "₹₹5",
        "$5",
        "Rs",
        "ſ5",
        "५",
        "10000000000000",
    ],
)
def test_total_amount_refused(text):
    assert ref.clean_amount(text) is None


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("2025-10-12T09:15:32", "2025-10-12T09:15:32"),
        ("2024-10-15 10:30:00", "2024-10-15T10:30:00"),
        (" 2025-10-12T09:15 ", "2025-10-12T09:15:00"),
        ("2025-10-12T09:15:32.5", "2025-10-12T09:15:32.500000"),
        ("2025-10-12T09:15:32,000001", "2025-10-12T09:15:32.000001"),
        ("2025-10-12T09:15:32.123456999", "2025-10-12T09:15:32.123456"),
        ("2025-09-30T18:30:00Z", "2025-10-01T00:00:00"),
        ("2025-09-30T18:29:59.999999Z", "2025-09-30T23:59:59.999999"),
        ("2025-10-01T00:00:00+05:30", "2025-10-01T00:00:00"),
        ("2025-10-01T00:00+0530", "2025-10-01T00:00:00"),
        ("2025-10-01 03:30:00+09", "2025-10-01T00:00:00"),
        ("2025-12-31T13:30:00-05:00", "2026-01-01T00:00:00"),
        ("2025-10-01T08:30:00+14:00", "2025-10-01T00:00:00"),
        ("12-10-2025 09:15", "2025-10-12T09:15:00"),
        ("12-10-2025 09:15:32", "2025-10-12T09:15:32"),
        ("12/10/2025 09:15", "2025-10-12T09:15:00"),
        ("12/10/2025 09:15:32", "2025-10-12T09:15:32"),
        ("2025-10-12", "2025-10-12T00:00:00"),
        ("12-10-2025", "2025-10-12T00:00:00"),
        ("12/10/2025", "2025-10-12T00:00:00"),
        ("29-02-2024", "2024-02-29T00:00:00"),
        ("1000-01-01", "1000-01-01T00:00:00"),
        ("9999-12-31T23:59:59.999999", "9999-12-31T23:59:59.999999"),
    ],
)
def test_order_date_time_accepted(text, clean):
    assert ref.clean_time(text) == datetime.fromisoformat(clean)
    assert ref.clean_time(text).tzinfo is None


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        "yesterday",
        "20251012",
        "20251012T091532",
        "2025-W41-7",
        "2025-285",
        "2025-13-01",
        "2025-02-29",
        "2025-10-12T24:00",
        "2025-10-12T09:60",
        "2025-10-12T09:15:60",
        "2025-10-12T09",
        "2025-10-12T09:15.5",
        "2025-10-12T09:15:32.",
        "2025-10-12T09:15:32.1234567890x",
        "2025-10-12Z",
        "2025-10-12+05:30",
        "2025-10-12T09:15+14:01",
        "2025-10-12T09:15+05:60",
        "2025-10-12T09:15+5:30",
        "2025-10-12T09:15 IST",
        "0999-12-31",
        "0999-12-31T23:00:00Z",
        "9999-12-31T23:59:59Z",
        "10/13/2025",
        "1/2/2025",
        "12-10/2025",
        "12-10-25",
        "12-10-2025T09:15",
        "12-10-2025 09:15:32.5",
        "12-10-2025 09:15Z",
        "45942",
        "२०२५-10-12",
    ],
)
def test_order_date_time_refused(text):
    assert ref.clean_time(text) is None


def test_time_without_offset_is_in_the_source_zone():
    assert ref.clean_time("2025-10-12 20:00", "UTC") == datetime(2025, 10, 13, 1, 30)
    assert ref.clean_time("2025-10-12", "UTC") == datetime(2025, 10, 12)
    assert ref.clean_time("2025-10-12 00:00", "UTC") == datetime(2025, 10, 12, 5, 30)
    assert ref.clean_time("2025-10-12T20:00Z", "America/New_York", "UTC") == datetime(2025, 10, 12, 20)


def test_time_of_a_clock_change_is_never_guessed():
    skipped, twice = "2025-03-09 02:30", "2025-11-02 01:30"
    assert ref.clean_time(skipped, "America/New_York") is None
    assert ref.clean_time(twice, "America/New_York") is None
    assert ref.clean_time(twice, "America/New_York", "America/New_York") == datetime(2025, 11, 2, 1, 30)
    assert ref.clean_time("2025-11-02 01:30-05:00", "America/New_York") == datetime(2025, 11, 2, 12, 0)


@pytest.mark.parametrize(("text", "count"), [("1", 1), (" 12 ", 12), ("007", 7), ("999999999", 999999999)])
def test_sku_count_accepted(text, count):
    assert ref.clean_count(text) == count


@pytest.mark.parametrize(
    "text", [None, "", "0", "00", "-1", "+1", "1.0", "1e1", "1,000", "two", "1000000000", "१"]
)
def test_sku_count_refused(text):
    assert ref.clean_count(text) is None


def test_names_regions_and_ids():
    assert ref.clean_name("  Asha \t Rao\u00a0") == "Asha Rao"
    assert ref.clean_name("Zoe\u0308") == "Zoë"
    assert ref.clean_name(None) == ref.clean_name(" ") == "Unknown"
    assert ref.clean_region("NORTH ") == "North"
    assert ref.clean_region("north  east") == "North East"
    assert ref.clean_region("") == "Unknown"
    assert ref.clean_id(" Cust-007  a ") == "Cust-007  a"


# docs/rules.md: The two kinds of delivery; Why a file is refused.


def test_customers_csv_in_any_dress():
    content = (
        '\ufeffregion,customer_id,extra,mobile_number,customer_name\r\nN,007,x,98,"Rao, ""M"""\r\n\r\nS,8,,,'
    )
    first, second = ref.read_customers(content.encode())
    assert first == {
        "record": 1,
        "malformed": False,
        "customer_id": "007",
        "customer_name": 'Rao, "M"',
        "mobile_number": "98",
        "region": "N",
    }
    assert (second["record"], second["customer_id"], second["customer_name"]) == (2, "8", "")


@pytest.mark.parametrize(
    "row", ["1,a,9876543210", "1,a,9876543210,N,x", "1,a\0,9876543210,N", f"1,{'a' * 256},9,N"]
)
def test_malformed_customer(row):
    (record,) = ref.read_customers(f"customer_id,customer_name,mobile_number,region\n{row}\n".encode())
    assert ref.judge_customers([record]) == ([], [(1, {"malformed_record"})], 0)


def test_orders_xml_in_any_dress():
    content = b"""<?xml version="1.0"?><o:orders xmlns:o="urn:x"><!-- c --><o:order>
      <o:sku_id>A&amp;B</o:sku_id><gift><sku_id>no</sku_id></gift><order_id>1<!-- c -->2</order_id>
      <sku_count/></o:order><note/><order/></o:orders>"""
    first, second = ref.read_orders(content)
    assert (first["order_id"], first["sku_id"], first["sku_count"]) == ("12", "A&B", "")
    assert (first["mobile_number"], first["malformed"]) == (None, False)
    assert (second["record"], second["order_id"]) == (2, None)


@pytest.mark.parametrize(
    "field", ["<sku_id>A</sku_id><sku_id>A</sku_id>", "<sku_id>A<b/></sku_id>", "<sku_id/>" * 2]
)
def test_malformed_order(field):
    records = ref.read_orders(f"<orders><order>{field}</order></orders>".encode())
    assert ref.judge_orders(records, DAY) == ([], [(1, {"malformed_record"})], 0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x1f\x8b\x08",
        b"customer_id,customer_name,mobile_number\n",
        b"customer_id,customer_id,customer_name,mobile_number,region\n",
        b'customer_id,customer_name,mobile_number,region\n1,"a,9,N\n',
    ],
)
def test_refused_customers(content):
    with pytest.raises(ref.RefusedError):
        ref.read_customers(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<orders><order></orders>",
        b"<order/>",
        b"<!DOCTYPE orders><orders/>",
        b'<?xml version="1.0" encoding="UTF-8"?><orders>\xff</orders>',
    ],
)
def test_refused_orders(content):
    with pytest.raises(ref.RefusedError):
        ref.read_orders(content)


# docs/rules.md: Why a record is turned away, reason by reason.


def customers(*rows):
    names = ["customer_id", "customer_name", "mobile_number", "region"]
    return [
        {"record": n, "malformed": False, **dict(zip(names, row.split("|"), strict=True))}
        for n, row in enumerate(rows, start=1)
    ]


def orders(*rows):
    return [
        {"record": n, "malformed": False, **dict(zip(ref.ORDER_FIELDS, row.split("|"), strict=True))}
        for n, row in enumerate(rows, start=1)
    ]


GOOD = "O1|9876543210|2025-10-12 10:00|S1|1|5"


def numbers(accepted):
    return [row["record"] for row in accepted]


def test_customers_missing_and_invalid():
    rows = customers("|A|9876543210|N", " |A||N", "3||123|N", "4|||", "5||9876543215|")
    accepted, rejected, repeats = ref.judge_customers(rows)
    assert accepted == [
        {
            "record": 5,
            "customer_id": "5",
            "customer_name": "Unknown",
            "mobile_number": "9876543215",
            "region": "Unknown",
        }
    ]
    assert rejected == [
        (1, {"missing_customer_id"}),
        (2, {"missing_customer_id", "missing_mobile_number"}),
        (3, {"invalid_mobile_number"}),
        (4, {"missing_mobile_number"}),
    ]
    assert repeats == 0


def test_customers_exact_repeats_are_judged_on_clean_values():
    rows = customers(
        "1|Asha Rao|9876543210|NORTH",
        "1| Asha  Rao|+91 98765 43210|north ",
        "2|B|12|N",
        "2|B|12|N",
        "2|B|13|N",
    )
    accepted, rejected, repeats = ref.judge_customers(rows)
    assert numbers(accepted) == [1]
    assert rejected == [(3, {"invalid_mobile_number"}), (5, {"invalid_mobile_number"})]
    assert repeats == 2


def test_conflicting_customer_and_shared_mobile_number():
    rows = customers(
        "1|A|9876543210|N",
        "1|B|9876543210|N",
        "2|C|9876543220|N",
        "3|D|09876543220|N",
        "4|E|9876543240|N",
        "4|F|12|N",
    )
    accepted, rejected, repeats = ref.judge_customers(rows)
    assert numbers(accepted) == [5]
    assert rejected == [
        (1, {"conflicting_customer"}),
        (2, {"conflicting_customer"}),
        (3, {"shared_mobile_number"}),
        (4, {"shared_mobile_number"}),
        (6, {"invalid_mobile_number"}),
    ]
    assert repeats == 0


def test_a_customer_can_conflict_and_share():
    _, rejected, _ = ref.judge_customers(
        customers("1|A|9876543210|N", "1|A|9876543211|N", "2|B|9876543211|N")
    )
    assert rejected == [
        (1, {"conflicting_customer"}),
        (2, {"conflicting_customer", "shared_mobile_number"}),
        (3, {"shared_mobile_number"}),
    ]


@pytest.mark.parametrize("field", range(6))
def test_each_order_field_is_required(field):
    cells = GOOD.split("|")
    cells[field] = " "
    _, rejected, _ = ref.judge_orders(orders("|".join(cells)), DAY)
    assert rejected == [(1, {f"missing_{ref.ORDER_FIELDS[field]}"})]


def test_all_reasons_of_an_order_line():
    _, rejected, _ = ref.judge_orders(orders("|12|x||0|-1"), DAY)
    assert rejected == [
        (
            1,
            {
                "missing_order_id",
                "missing_sku_id",
                "invalid_mobile_number",
                "invalid_order_date_time",
                "invalid_sku_count",
                "invalid_total_amount",
            },
        )
    ]


def test_future_order_is_later_than_the_day_after():
    rows = orders(
        "1|9876543210|2025-10-14T23:59:59.999999|S|1|5",
        "2|9876543210|2025-10-15|S|1|5",
        "3|9876543210|2025-10-14T18:30Z|S|1|5",
    )
    accepted, rejected, _ = ref.judge_orders(rows, DAY)
    assert numbers(accepted) == [1]
    assert rejected == [(2, {"future_order"}), (3, {"future_order"})]


@pytest.mark.parametrize(
    "other",
    [
        "O1|9876543211|2025-10-12 10:00|S2|1|5",
        "O1|9876543210|2025-10-12 10:01|S2|1|5",
        "O1|9876543210|2025-10-12 10:00|S2|1|6",
    ],
)
def test_conflicting_order(other):
    agreeing = "O1|9876543210|2025-10-12 10:00|S3|1|5.00"
    accepted, rejected, _ = ref.judge_orders(orders(GOOD, other, agreeing), DAY)
    assert accepted == []
    assert rejected == [(n, {"conflicting_order"}) for n in (1, 2, 3)]


def test_amounts_of_lines_may_differ():
    rows = orders(GOOD, "O1|9876543210|2025-10-12 10:00|S2|1|6")
    accepted, rejected, _ = ref.judge_orders(rows, DAY, amount_is="line")
    assert [line["total_amount"] for line in accepted] == [500, 600]
    assert rejected == []


def test_equal_lines_are_repeats_only_where_the_amount_is_the_orders():
    rows = orders(GOOD, GOOD.replace("S1", "S2"), GOOD)
    assert ref.judge_orders(rows, DAY)[2] == 1
    assert ref.judge_orders(rows, DAY, amount_is="line") == (
        [],
        [(1, {"repeated_line"}), (2, {"order_rejected"}), (3, {"repeated_line"})],
        0,
    )


def test_an_order_of_more_than_64_bits_is_rejected():
    most = "9,999,999,999,999.99"
    rows = orders(*(GOOD.replace("S1|1|5", f"S{n}|1|{most}") for n in range(9_224)))
    accepted, rejected, _ = ref.judge_orders(rows, DAY, amount_is="line")
    assert accepted == []
    assert rejected[-1] == (9_224, {"invalid_total_amount"})
    assert len(ref.judge_orders(rows[1:], DAY, amount_is="line")[0]) == 9_223


def test_conflicting_sku_and_the_rest_of_its_order():
    rows = orders(
        GOOD,
        "O1|9876543210|2025-10-12 10:00|S1|2|5",
        "O1|9876543210|2025-10-12 10:00|S2|1|5",
        "O2|9876543210|2025-10-12 10:00|S2|1|5",
    )
    accepted, rejected, _ = ref.judge_orders(rows, DAY)
    assert numbers(accepted) == [4]
    assert rejected == [(1, {"conflicting_sku"}), (2, {"conflicting_sku"}), (3, {"order_rejected"})]


def test_an_invalid_value_conflicts_with_nothing():
    accepted, rejected, _ = ref.judge_orders(orders(GOOD, "O1|9876543210|2025-10-12 10:00|S2|1|x"), DAY)
    assert accepted == []
    assert rejected == [(1, {"order_rejected"}), (2, {"invalid_total_amount"})]


def test_repeats_of_good_and_bad_lines_are_repeats():
    bad = "O2|12|2025-10-12 10:00|S1|1|5"
    respelt = " O1 |+91 98765-43210|12/10/2025 10:00|S1|01|₹5.00"
    accepted, rejected, repeats = ref.judge_orders(orders(GOOD, bad, GOOD, respelt, bad), DAY)
    assert numbers(accepted) == [1]
    assert rejected == [(2, {"invalid_mobile_number"})]
    assert repeats == 3


def test_malformed_lines_neither_conflict_nor_repeat_but_taint_their_order():
    rows = orders(GOOD, GOOD, "O1|9876543210|2025-10-12 10:00|S2|1|6", GOOD.replace("O1", "O2"))
    rows[1]["malformed"] = rows[2]["malformed"] = True
    accepted, rejected, repeats = ref.judge_orders(rows, DAY)
    assert numbers(accepted) == [4]
    assert rejected == [(1, {"order_rejected"}), (2, {"malformed_record"}), (3, {"malformed_record"})]
    assert repeats == 0


@pytest.mark.parametrize(
    "order_id", ["", "<order_id>O1</order_id><order_id>O2</order_id>", "<order_id>O1<b/></order_id>"]
)
def test_a_malformed_order_without_a_readable_id_taints_nothing(order_id):
    damaged = f"<order>{order_id}<sku_id>A</sku_id><sku_id>A</sku_id></order>".encode()
    records = ref.read_orders(xml_of(GOOD).replace(b"</orders>", damaged + b"</orders>"))
    accepted, rejected, _ = ref.judge_orders(records, DAY)
    assert (numbers(accepted), rejected) == ([1], [(2, {"malformed_record"})])


def test_a_malformed_order_that_gives_its_id_twice_taints_it():
    damaged = b"<order><order_id>O1</order_id><order_id> O1</order_id></order>"
    records = ref.read_orders(xml_of(GOOD).replace(b"</orders>", damaged + b"</orders>"))
    assert ref.judge_orders(records, DAY)[1] == [(1, {"order_rejected"}), (2, {"malformed_record"})]


def test_orders_in_a_wrapper_and_in_an_order_are_malformed():
    records = ref.read_orders(b"<orders><page><order/></page><order><a><order/></a></order><order/></orders>")
    assert [(record["record"], record["malformed"]) for record in records] == [
        (1, True),
        (2, True),
        (3, False),
    ]


def test_text_after_a_closing_quote_damages_one_record():
    good, bad, last = ref.read_customers(csv_of('1,"A",9,N', '2,"B"x,9,N', "3,C,9,N"))
    assert (good["malformed"], bad["malformed"], last["malformed"]) == (False, True, False)
    assert last["customer_id"] == "3"


# docs/rules.md: The order of deliveries.

HEADER = "customer_id,customer_name,mobile_number,region\n"


def csv_of(*rows):
    return (HEADER + "".join(f"{row}\n" for row in rows)).encode()


def xml_of(*rows):
    lines = [zip(ref.ORDER_FIELDS, row.split("|"), strict=True) for row in rows]
    elements = ["".join(f"<{name}>{text}</{name}>" for name, text in line) for line in lines]
    return f"<orders>{''.join(f'<order>{e}</order>' for e in elements)}</orders>".encode()


def test_position_of_deliveries():
    names = [
        "a.csv",
        "b_20251013.csv",
        "z_2025-10-12.csv",
        "customers.csv",
        "a-2025-10-13.csv",
        "x_20251340.csv",
    ]
    assert sorted(names, key=ref.position) == [
        "customers.csv",
        "z_2025-10-12.csv",
        "a-2025-10-13.csv",
        "b_20251013.csv",
        "a.csv",
        "x_20251340.csv",
    ]


def test_days_in_names():
    names = ["o_12-11-2025", "2025_11_12.csv", "20251101_to_12-Nov-2025", "20251340 2025-11-12 of 2026-01-01"]
    assert {ref.date_in_name(name) for name in names} == {date(2025, 11, 12)}
    assert ref.date_in_name("o_112-11-2025_2025-02-29") is None


def test_later_versions_win_as_a_whole_and_earlier_copies_change_nothing():
    first = xml_of(GOOD, "O1|9876543210|2025-10-12 10:00|S2|1|5")
    second = xml_of("O1|9876543210|2025-10-12 11:00|S3|4|6")
    deliveries = [("o_20251013.xml", second), ("orders.xml", first), ("o_20251012.xml", first)]
    for permutation in (deliveries, deliveries[::-1]):
        published = ref.publish(permutation)
        order = published["orders"]["O1"]
        assert order["delivery"] == "o_20251013.xml"
        assert order["items"] == {"S3": {"sku_count": 4}}
        assert (order["total_amount_paise"], order["order_date_time"]) == (600, datetime(2025, 10, 12, 11))
        assert [entry["name"] for entry in published["ledger"]] == ["o_20251012.xml", "o_20251013.xml"]
    again = ref.publish([*deliveries, ("o_20251014.xml", first)])["orders"]["O1"]
    assert (again["delivery"], again["total_amount_paise"]) == ("o_20251014.xml", 500)


def test_a_number_that_changes_hands():
    base = csv_of("1,A,9876543210,N", "2,B,9876543220,N")
    later = csv_of("3,C,9876543210,S")
    published = ref.publish([("c_20251013.csv", later), ("customers.csv", base)])
    assert ref.holdings(published["claims"]) == [
        ("9876543210", "1", date(1000, 1, 1), date(2025, 10, 12)),
        ("9876543210", "3", date(2025, 10, 12), None),
        ("9876543220", "2", date(1000, 1, 1), None),
    ]
    assert set(published["customers"]) == {"1", "2", "3"}


def test_amounts_of_lines_are_summed():
    content = xml_of(GOOD, "O1|9876543210|2025-10-12 10:00|S2|1|6")
    order = ref.publish([("orders.xml", content)], amount_is="line")["orders"]["O1"]
    assert order["total_amount_paise"] == 1100
    assert order["items"]["S2"] == {"sku_count": 1, "amount_paise": 600}


# docs/rules.md: The KPIs, on a feed small enough for mental arithmetic.

PEOPLE = csv_of(
    "2,Bina,9000000002,north", "10,Chitra,9000000010,South", "1,Anil,9000000001,North", "4,Dev,9000000004,"
)
BOUGHT = xml_of(
    "A|9000000001|2025-10-31 23:59:59|S1|1|10.00",
    "A|9000000001|2025-10-31 23:59:59|S2|1|10.00",
    "B|9000000001|2025-10-01T18:30:00Z|S1|1|0.05",
    "C|9000000001|2025-10-01T18:29:59Z|S1|1|500",
    "D|9000000002|2025-10-10|S1|1|10.05",
    "E|9000000010|2025-09-30T18:30:00Z|S1|1|20",
    "F|9000000010|2025-10-02|S1|1|0",
    "G|7000000000|2025-09-30|S1|1|1,00,000",
    "H|7000000000|2025-10-05|S1|1|0.01",
)


@pytest.fixture(scope="module")
def small():
    return ref.publish([("customers.csv", PEOPLE), ("orders.xml", BOUGHT)])


def values(rows):
    return [tuple(row.values()) for row in rows]


def test_kpis_by_hand(small):
    result = ref.kpis(small)
    assert values(result["repeat_customers"]) == [
        ("1", "Anil", "9000000001", "North", 3),
        ("10", "Chitra", "9000000010", "South", 2),
    ]
    assert values(result["monthly_trends"]) == [(2025, 9, 1, 10000000), (2025, 10, 7, 54011)]
    assert values(result["regional_revenue"]) == [
        ("Unmatched", 1, 2, 10000001, 5000001),
        ("North", 2, 4, 52010, 13003),
        ("South", 1, 2, 2000, 1000),
    ]
    assert values(result["top_spenders"]) == [
        ("1", "Anil", "9000000001", "North", 2, 1005, 503, "2025-10-31"),
        ("2", "Bina", "9000000002", "North", 1, 1005, 1005, "2025-10-10"),
        ("10", "Chitra", "9000000010", "South", 1, 0, 0, "2025-10-02"),
    ]
    assert all([list(row) for row in result[n]] == [ref.COLUMNS[n]] * len(result[n]) for n in result)


def test_kpis_with_parameters(small):
    result = ref.kpis(small, as_of=date(2025, 10, 10), window_days=10, top_n=1)
    assert values(result["monthly_trends"]) == [(2025, 9, 1, 10000000), (2025, 10, 6, 53011)]
    assert values(result["top_spenders"]) == [
        ("1", "Anil", "9000000001", "North", 2, 50005, 25003, "2025-10-02")
    ]
    assert ref.kpis(small, as_of=date(2025, 9, 1)) == {name: [] for name in ref.COLUMNS}


def test_money_is_printed_exactly():
    rows = [{"year": 2025, "month": 1, "order_count": 1, "total_revenue": 893000}]
    assert ref.kpi_json("monthly_trends", rows)[0]["total_revenue"] == "8930.00"
    assert (
        made.expected_csv("monthly_trends", rows)
        == "year,month,order_count,total_revenue\n2025,1,1,8930.00\n"
    )
    assert made.expected_json("monthly_trends", rows)[0]["total_revenue"] == Decimal("8930.00")


# Truth that was made first.


def files_of(directory):
    return [(path.name, path.read_bytes()) for path in sorted(Path(directory).rglob("*.*"))]


@pytest.fixture(
    scope="module",
    params=[
        (shape, seed, late) for shape in ("daily", "simple") for seed in range(4) for late in (False, True)
    ],
    ids=lambda case: "-".join(map(str, case)),
)
def case(request, tmp_path_factory):
    shape, seed, incoming = request.param
    directory = tmp_path_factory.mktemp(shape)
    truth = made.build(directory, shape, seed, incoming)
    return truth, ref.publish(files_of(directory))


def test_kpis_of_the_made_deliveries_are_the_truth(case):
    truth, published = case
    assert ref.kpis(published) == truth["kpis"]
    earlier = made.SHAPES[truth["shape"]]["last_day"].replace(day=2)
    assert ref.kpis(published, earlier, 7, 200) == made.truth_kpis(truth, earlier, 7, 200)


def test_published_content_is_the_truth(case):
    truth, published = case
    clean = [{"customer_id": key, **row} for key, row in published["customers"].items()]
    for row in clean:
        del row["rank"], row["delivery"]
    assert sorted(clean, key=str) == sorted(truth["customers"], key=str)
    assert {key: row["total_amount_paise"] for key, row in published["orders"].items()} == {
        order["order_id"]: order["paise"] for order in truth["orders"]
    }
    assert {
        key: {s: i["sku_count"] for s, i in row["items"].items()} for key, row in published["orders"].items()
    } == {order["order_id"]: order["items"] for order in truth["orders"]}


def test_rejects_and_control_totals_are_the_truth(case):
    truth, published = case
    expected = {Path(name).name: counts for name, counts in truth["deliveries"].items()}
    found = {entry.pop("name"): entry for entry in map(dict, published["ledger"])}
    assert found == expected
    assert all(counts["rejected"] <= 0.05 * counts["records"] for counts in expected.values())


def test_numbers_that_changed_hands_are_the_truth(case):
    truth, published = case
    holders = {row[1] for row in ref.holdings(published["claims"]) if row[3] is None}
    assert sorted(set(published["customers"]) - holders) == sorted(truth["without_number"])


def test_the_made_deliveries_have_what_makes_them_hard(case):
    truth, _ = case
    top = truth["kpis"]["top_spenders"]
    assert len({row["total_spent"] for row in top}) < len(top) == 10
    assert any(order["owner"] is None for order in truth["orders"])
    buyers = {order["owner"] for order in truth["orders"]}
    assert any(customer["customer_id"] not in buyers for customer in truth["customers"])
    reasons = set().union(*(r for d in truth["deliveries"].values() for _, r in d["rejects"]))
    assert len(reasons) == 18


def test_expected_files_agree_with_the_reference(case):
    truth, _ = case
    for name, rows in truth["kpis"].items():
        text = made.expected_csv(name, rows)
        assert list(csv.reader(text.splitlines())) == [
            [str(v) for v in row] for row in ref.kpi_csv(name, rows)
        ]
        printed = json.dumps(ref.kpi_json(name, rows))
        assert json.loads(printed) == [
            {c: str(v) if isinstance(v, Decimal) else v for c, v in row.items()}
            for row in made.expected_json(name, rows)
        ]


def test_a_seed_always_gives_the_same_bytes(tmp_path):
    made.build(tmp_path / "one", "daily", 7, incoming=True)
    made.build(tmp_path / "two", "daily", 7, incoming=True)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
