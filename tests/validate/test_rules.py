import re
from datetime import date

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lib import reference as ref

from akasa.ingest import readers
from akasa.validate import cleaning, gate, rules
from akasa.validate.gate import GateStopped

DAY = date(2025, 10, 13)
GOOD = "O1|9876543210|2025-10-12 10:00|S1|1|5"


def raw(fields, rows, malformed=()):
    """Raw records of `|`-separated fields (`~` for an absent one); `malformed` has their ordinals."""
    cells = [[None if cell == "~" else cell for cell in row.split("|")] for row in rows]
    frame = pd.DataFrame(cells, columns=list(fields), dtype="str").assign(record=range(1, len(rows) + 1))
    faults = ["damaged" if n in malformed else None for n in frame["record"]]
    texts = ["<raw/>" if n in malformed else None for n in frame["record"]]
    return frame.assign(malformed=pd.Series(faults, dtype="str"), raw=pd.Series(texts, dtype="str"))


def customers(*rows, malformed=()):
    frame = raw(readers.CUSTOMER_FIELDS, rows, malformed)
    return checked(rules.judge_customers(frame, cleaning.clean_customers(frame)), frame)


def orders(*rows, malformed=(), amount_is="order", on=DAY):
    frame = raw(readers.ORDER_FIELDS, rows, malformed)
    return checked(rules.judge_orders(frame, cleaning.clean_orders(frame), on, amount_is), frame)


def checked(judged, frame):
    assert len(judged.accepted) + len(judged.rejected) + judged.repeats == judged.count == len(frame)
    return judged


def reasons(judged):
    return dict(zip(judged.rejected["record"], judged.rejected["reasons"], strict=True))


# Customers.


def test_good_customers_are_accepted_clean():
    judged = customers(" 1 | Asha  Rao|+91 98765 43210|NORTH", "2|~|9876543211| ")
    assert judged.accepted.to_numpy().tolist() == [
        ["1", "Asha Rao", "9876543210", "North"],
        ["2", "Unknown", "9876543211", "Unknown"],
    ]
    assert list(judged.accepted) == list(readers.CUSTOMER_FIELDS)
    assert judged.warnings == {"missing_customer_name": 1, "missing_region": 1}
    assert reasons(judged) == {}


def test_missing_and_invalid_fields_of_customers():
    judged = customers("|A|9876543210|N", " |A||N", "3||123|N", "4|A|~|N", "~|~|5876543210|~")
    assert reasons(judged) == {
        1: "missing_customer_id",
        2: "missing_customer_id missing_mobile_number",
        3: "invalid_mobile_number",
        4: "missing_mobile_number",
        5: "missing_customer_id invalid_mobile_number",
    }
    assert judged.warnings == {}


def test_malformed_customers_have_one_reason_and_no_part_in_conflicts():
    judged = customers("1|A|9876543210|N", "1|B|9876543210|N", "||x|", malformed=(2, 3))
    assert judged.accepted["customer_id"].tolist() == ["1"]
    assert reasons(judged) == {2: "malformed_record", 3: "malformed_record"}


def test_rejected_records_are_kept_as_they_came():
    judged = customers("3| A |12 3|~", "4||~|", malformed=(2,))
    assert judged.rejected.astype(object).where(judged.rejected.notna(), None).to_numpy().tolist() == [
        [1, "invalid_mobile_number", None, "3", " A ", "12 3", None, None],
        [2, "malformed_record", "damaged", "4", "", None, "", "<raw/>"],
    ]
    assert list(judged.rejected) == ["record", "reasons", "detail", *readers.CUSTOMER_FIELDS, "raw"]


def test_a_field_of_more_than_255_characters_makes_a_record_malformed():
    judged = customers(f"1|{'é' * 255}|9876543210|N", f"2|{'a' * 256}|9876543211|N")
    assert len(judged.accepted) == 1
    assert reasons(judged) == {2: "malformed_record"}
    assert judged.rejected["detail"].tolist() == ["a field is longer than 255 characters"]


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("\u0958" * 128, False),  # NFC writes it with two characters: MariaDB would refuse it
        ("\u0958" * 127 + "a", True),
        ("e\u0301" * 255, True),
        (" " * 300 + "a", True),
    ],
)
def test_lengths_are_those_of_clean_text(name, accepted):
    judged = customers(f"1|{name}|9876543210|N", f"2|A|9876543211|{name}", f"{name}|A|9876543212|N")
    assert judged.count == 3
    assert len(judged.accepted) == 3 * accepted
    assert set(judged.rejected["reasons"]) == (set() if accepted else {"malformed_record"})
    assert set(judged.rejected["detail"]) == (set() if accepted else {rules.TOO_LONG})


def test_only_text_can_be_too_long():
    long = "0" * 300
    judged = orders(GOOD.replace("|5", f"|{long}5"), GOOD.replace("O1", "O2").replace("|9", f"|{long}9"))
    assert judged.accepted["total_amount_paise"].tolist() == [500]
    assert reasons(judged) == {2: "invalid_mobile_number"}
    judged = orders(GOOD, GOOD.replace("S1", "\u0958" * 128))
    assert reasons(judged) == {1: "order_rejected", 2: "malformed_record"}


@pytest.mark.parametrize("character", [chr(n) for n in (0, 1, 7, 8, 14, 27, 0x7F, 0x80, 0x84, 0x86, 0x9F)])
def test_a_control_character_makes_a_record_malformed(character):
    text = "9876543210|A b|N|1"
    for at in (0, 3, 10, 12, 15, len(text)):
        mobile, name, region, customer = (text[:at] + character + text[at:]).split("|")
        judged = customers(f"{customer}|{name}|{mobile}|{region}", "2|B|9876543211|N")
        assert judged.accepted["customer_id"].tolist() == ["2"]
        assert reasons(judged) == {1: "malformed_record"}
        assert judged.rejected["detail"].tolist() == [rules.CONTROLLED]
    for field in GOOD.split("|"):
        judged = orders(GOOD.replace(field, f"{field}{character}", 1), GOOD.replace("S1", "S2"))
        assert set(reasons(judged).values()) <= {"malformed_record", "order_rejected"}
        assert reasons(judged)[1] == "malformed_record"


@pytest.mark.parametrize("space", ["\t", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x1f", "\x85"])
def test_a_control_that_is_a_space_is_one_around_a_field_and_in_a_name_but_not_in_an_id(space):
    judged = customers(
        f"{space}1{space}|A{space}b|{space}98765 43210|{space}N{space}e", f"2{space}3|B|9876543211|N"
    )
    assert judged.accepted.to_numpy().tolist() == [["1", "A b", "9876543210", "N E"]]
    assert reasons(judged) == {2: "malformed_record"}


def test_invisible_characters_are_dropped_and_counted():
    judged = customers(
        "\ufeff1\u200b|As\u00adha|98765\u200b43210|Nor\u2060th\u200e",
        "2|അവന്\u200dറെ|9876543211|South",
        "3|\u200b|9876543212|\u200d ",
        "\u200b|C|\u2060|N",
    )
    assert judged.accepted.to_numpy().tolist() == [
        ["1", "Asha", "9876543210", "North"],
        ["2", "അവന്\u200dറെ", "9876543211", "South"],
        ["3", "Unknown", "9876543212", "Unknown"],
    ]
    assert reasons(judged) == {4: "missing_customer_id missing_mobile_number"}
    assert judged.warnings == {"missing_customer_name": 1, "missing_region": 1, "invisible_characters": 3}
    lines = orders(
        GOOD, GOOD.replace("O1", "O\u200b1").replace("S1", "S2"), GOOD.replace("2025", "20\u200b25")
    )
    assert (len(lines.accepted), lines.repeats, lines.warnings) == (2, 1, {"invisible_characters": 2})


def test_rejected_records_keep_what_is_invisible():
    judged = customers("1\u200b|A\u200b|12\u200b|N")
    assert judged.rejected[["customer_id", "customer_name", "mobile_number"]].to_numpy().tolist() == [
        ["1\u200b", "A\u200b", "12\u200b"]
    ]


def test_lines_are_counted_beside_records():
    frame = raw(readers.CUSTOMER_FIELDS, ["1|A\nb|9876543210|N", "2|B|12\r\n|N", "~|~|~|~"], malformed=(3,))
    frame.loc[2, "raw"] = "\n".join("123456")
    judged = checked(rules.judge_customers(frame, cleaning.clean_customers(frame)), frame)
    assert (judged.count, judged.lines, len(judged.rejected), judged.rejected_lines) == (3, 10, 2, 8)
    assert (customers("1|A|9876543210|N").lines, orders(GOOD.replace("S1", "S1\n")).lines) == (1, 1)


def test_conflicting_customers():
    judged = customers(
        "1|A|9876543210|N", "1|B|9876543210|N", "2|A|9876543211|N", "2|A|9876543212|N", "3|A|9876543213|S",
        "3|A|9876543213|W", "4|A|9876543214|N", "4|A|123|N", "5|A|9876543215|N",
    )  # fmt: skip
    assert judged.accepted["customer_id"].tolist() == ["4", "5"]
    conflict = "conflicting_customer"
    assert reasons(judged) == {**dict.fromkeys(range(1, 7), conflict), 8: "invalid_mobile_number"}


def test_shared_mobile_numbers():
    judged = customers(
        "1|A|9876543210|N", "2|B|098765 43210|N", "1|A|9876543211|N", "~|C|9876543212|N", "3|D|9876543212|N",
        "~|E|9876543210|N",
    )  # fmt: skip
    assert judged.accepted["customer_id"].tolist() == ["3"]
    assert reasons(judged) == {
        1: "conflicting_customer shared_mobile_number",
        2: "shared_mobile_number",
        3: "conflicting_customer",
        4: "missing_customer_id",
        6: "missing_customer_id",
    }


def test_exact_repeats_of_customers_are_judged_on_clean_values():
    judged = customers(
        "1|Asha Rao|9876543210|NORTH", " 1| Asha  Rao|+91 98765 43210|north ",
        "2|B|12|N", "2|B|12|N", "2|B| 12|N", "3|~|9876543213|~", "3||9876543213|Unknown",
    )  # fmt: skip
    assert judged.accepted["customer_id"].tolist() == ["1", "3"]
    assert reasons(judged) == {3: "invalid_mobile_number", 5: "invalid_mobile_number"}
    assert judged.repeats == 3


# Orders.


def test_good_lines_are_accepted_clean():
    judged = orders(
        "1001|98765 43210|2025-10-12T18:30:00Z| S1 |02|₹7,450", "1002|9876543210|2025-10-14|S1|1|0"
    )
    assert judged.accepted.astype(object).to_numpy().tolist() == [
        ["1001", "9876543210", pd.Timestamp("2025-10-13"), pd.Timestamp("2025-10-13"), "S1", 2, 745000],
        ["1002", "9876543210", pd.Timestamp("2025-10-14"), pd.Timestamp("2025-10-14"), "S1", 1, 0],
    ]
    assert judged.accepted.dtypes.astype(str).to_dict() == {
        "order_id": "str",
        "mobile_number": "str",
        "order_date_time": "datetime64[us]",
        "order_date": "datetime64[s]",
        "sku_id": "str",
        "sku_count": "int64",
        "total_amount_paise": "int64",
    }


@pytest.mark.parametrize("empty", ["", " ", "\u00a0\t", "~"])
@pytest.mark.parametrize("place", range(6))
def test_each_order_field_is_required(place, empty):
    cells = GOOD.split("|")
    cells[place] = empty
    assert reasons(orders("|".join(cells))) == {1: f"missing_{readers.ORDER_FIELDS[place]}"}


@pytest.mark.parametrize(
    ("place", "text", "reason"),
    [
        (1, "12345", "invalid_mobile_number"),
        (2, "yesterday", "invalid_order_date_time"),
        (4, "0", "invalid_sku_count"),
        (5, "-1", "invalid_total_amount"),
    ],
)
def test_fields_of_no_accepted_form(place, text, reason):
    cells = GOOD.split("|")
    cells[place] = text
    assert reasons(orders("|".join(cells))) == {1: reason}


def test_all_reasons_of_a_line_are_listed():
    assert reasons(orders("~|12|x|~|0|-1")) == {
        1: "missing_order_id missing_sku_id invalid_mobile_number invalid_order_date_time invalid_sku_count "
        "invalid_total_amount"
    }
    several = orders(GOOD.replace("2025", "2096"), GOOD.replace("|1|5", "|2|6"), GOOD.replace("|1|5", "|0|5"))
    assert reasons(several) == {
        1: "future_order conflicting_order conflicting_sku",
        2: "conflicting_order conflicting_sku",
        3: "invalid_sku_count conflicting_order conflicting_sku",
    }


def test_future_orders_are_later_than_the_day_after_the_delivery():
    judged = orders(
        "1|9876543210|2025-10-14T23:59:59.999999|S|1|5",
        "2|9876543210|2025-10-15|S|1|5",
        "3|9876543210|2025-10-14T18:30Z|S|1|5",
        "4|9876543210|9999-12-31|S|1|5",
    )
    assert judged.accepted["order_id"].tolist() == ["1"]
    assert reasons(judged) == {2: "future_order", 3: "future_order", 4: "future_order"}


@pytest.mark.parametrize(
    "other",
    [
        "O1|9876543211|2025-10-12 10:00|S2|1|5",
        "O1|9876543210|2025-10-12 10:00:00.000001|S2|1|5",
        "O1|9876543210|2025-10-12 10:00|S2|1|5.01",
    ],
)
def test_lines_of_an_order_that_disagree_are_all_rejected(other):
    agreeing, apart = "O1|09876543210|2025-10-12T10:00|S3|1|5.00", "O2|9876543211|2025-10-12 10:00|S2|1|6"
    judged = orders(GOOD, other, agreeing, apart)
    assert judged.accepted["order_id"].tolist() == ["O2"]
    assert reasons(judged) == dict.fromkeys((1, 2, 3), "conflicting_order")


def test_amounts_of_lines_may_differ_but_not_for_one_sku():
    second = GOOD.replace("S1|1|5", "S2|1|6")
    assert orders(GOOD, second, amount_is="line").accepted["total_amount_paise"].tolist() == [500, 600]
    judged = orders(GOOD, GOOD.replace("|5", "|6"), second, amount_is="line")
    assert reasons(judged) == {1: "conflicting_sku", 2: "conflicting_sku", 3: "order_rejected"}


def test_equal_lines_of_one_sku_with_amounts_of_their_own_may_be_one_or_two():
    respelt, second, apart = GOOD.replace("|5", "|₹5.00"), GOOD.replace("S1", "S2"), GOOD.replace("O1", "O2")
    judged = orders(GOOD, second, respelt, apart, amount_is="line")
    assert judged.accepted["order_id"].tolist() == ["O2"]
    assert reasons(judged) == {1: "repeated_line", 2: "order_rejected", 3: "repeated_line"}
    assert orders(GOOD, second, respelt, apart).repeats == 1


def test_of_lines_with_amounts_of_their_own_only_those_without_an_order_or_sku_are_repeats():
    no_sku, no_order = GOOD.replace("S1", "~"), GOOD.replace("O1", "~")
    judged = orders(no_sku, no_order, no_sku, no_order, *[GOOD.replace("|5", "|x")] * 2, amount_is="line")
    assert reasons(judged) == {
        1: "missing_sku_id",
        2: "missing_order_id",
        **dict.fromkeys((5, 6), "invalid_total_amount repeated_line"),
    }
    assert judged.repeats == 2


def test_two_equal_lines_and_a_third_of_their_sku():
    judged = orders(GOOD, GOOD, GOOD.replace("|1|5", "|2|5"), amount_is="line")
    both = "conflicting_sku repeated_line"
    assert reasons(judged) == {1: both, 2: both, 3: "conflicting_sku"}


MOST = "9,999,999,999,999.99"
FEWEST_BEYOND = 9_224  # lines of MOST; 2⁶³ is 9,223.37 of them


@pytest.mark.parametrize("lines", [FEWEST_BEYOND, 18_447])
def test_lines_that_add_up_to_more_than_64_bits_are_turned_away(lines):
    """18,447 of them are a little more than 2⁶⁴ paise: wrapped, the sum looks like any other."""
    apart = GOOD.replace("O1", "O2").replace("|5", f"|{MOST}")
    many = [GOOD.replace("S1|1|5", f"S{n}|1|{MOST}") for n in range(lines)]
    judged = orders(apart, *many, amount_is="line")
    assert judged.accepted["order_id"].tolist() == ["O2"]
    assert set(judged.rejected["reasons"]) == {"invalid_total_amount"}
    assert set(judged.rejected["detail"]) == {
        "the order's lines come to more than ₹92,23,37,20,36,85,47,758.07"
    }


def test_what_is_wrong_with_a_line_itself_is_not_laid_to_the_sum():
    many = [GOOD.replace("S1|1|5", f"S{n}|1|{MOST}") for n in range(FEWEST_BEYOND)]
    judged = orders(*many, GOOD.replace("|5", "|~"), amount_is="line")
    assert reasons(judged)[FEWEST_BEYOND + 1] == "missing_total_amount"


def test_lines_that_just_fit_are_summed_exactly():
    most = [GOOD.replace("S1|1|5", f"S{n}|1|{MOST}") for n in range(FEWEST_BEYOND - 1)]
    rest = GOOD.replace("S1|1|5", f"S|1|{ref.rupees(2**63 - 1 - (FEWEST_BEYOND - 1) * (10**15 - 1))}")
    lines = orders(*most, rest, amount_is="line").accepted
    assert rules.orders_of(lines, "line")["total_amount_paise"].tolist() == [2**63 - 1]


def test_conflicting_skus_take_their_order_with_them():
    judged = orders(GOOD, GOOD.replace("S1|1", "S1|2"), GOOD.replace("S1", "S2"), GOOD.replace("O1", "O2"))
    assert judged.accepted["order_id"].tolist() == ["O2"]
    assert reasons(judged) == {1: "conflicting_sku", 2: "conflicting_sku", 3: "order_rejected"}


def test_one_bad_line_rejects_its_order_and_conflicts_with_nothing():
    judged = orders(GOOD, "O1|12|2025-10-12 10:00|S2|1|x", "~|9876543210|2025-10-12 10:00|S2|1|5")
    assert reasons(judged) == {
        1: "order_rejected",
        2: "invalid_mobile_number invalid_total_amount",
        3: "missing_order_id",
    }


def test_malformed_lines_reject_their_order_but_neither_conflict_nor_repeat():
    other_total, apart = GOOD.replace("|5", "|6"), GOOD.replace("O1", "O2")
    judged = orders(GOOD, other_total, GOOD, apart, "~|9876543210|~|~|~|~", malformed=(2, 3, 5))
    assert judged.accepted["order_id"].tolist() == ["O2"]
    assert reasons(judged) == {1: "order_rejected", **dict.fromkeys((2, 3, 5), "malformed_record")}
    assert judged.repeats == 0


def test_a_malformed_order_that_was_read_rejects_its_siblings(tmp_path):
    good = "".join(
        f"<{f}>{text}</{f}>" for f, text in zip(readers.ORDER_FIELDS, GOOD.split("|"), strict=True)
    )
    siblings = [good, *(good.replace("O1", f"O{n}") for n in range(2, 6))]
    damaged = [
        f"<order_id>{order_id}</order_id>{given}"
        for order_id, given in [
            (" O1 ", "<sku_id>S2</sku_id><sku_id>S3</sku_id>"),
            ("O2", "<order_id> O2</order_id>"),
            ("O5", "<order_id>O6</order_id>"),
            ("O3<b/>", ""),
            ("O4", "<order/>"),
        ]
    ]
    lines = "".join(f"<order>{inner}</order>" for inner in siblings + damaged)
    (tmp_path / "o.xml").write_text(f"<orders>{lines}</orders>")
    frame = readers.read_orders(tmp_path / "o.xml").read_all().to_pandas()
    judged = checked(rules.judge_orders(frame, cleaning.clean_orders(frame), DAY), frame)
    assert judged.accepted["order_id"].tolist() == ["O3", "O5"]
    malformed = dict.fromkeys(range(6, 11), "malformed_record")
    assert reasons(judged) == {**dict.fromkeys((1, 2, 4), "order_rejected"), **malformed}


def test_exact_repeats_of_lines():
    respelt, bad = " O1 |+91 98765-43210|12/10/2025 10:00|S1|01|₹5.00", "O2|12|2025-10-12 10:00|S1|1|5"
    judged = orders(GOOD, bad, GOOD, respelt, bad, bad.replace("|12|", "|12 |"))
    assert judged.accepted["order_id"].tolist() == ["O1"]
    assert reasons(judged) == {2: "invalid_mobile_number", 6: "invalid_mobile_number"}
    assert judged.repeats == 3


def test_a_line_that_says_what_a_malformed_one_says_is_no_repeat_of_it():
    judged = orders("~|x|x|~|x|x", "~|x|x|~|x|x", "~|x|x|~|x|x", malformed=(1,))
    assert list(reasons(judged)) == [1, 2]
    assert judged.repeats == 1


@pytest.mark.parametrize("judge", [customers, orders])
def test_no_records(judge):
    judged = judge()
    assert (judged.count, judged.repeats, judged.warnings) == (0, 0, {})
    pd.testing.assert_series_equal(
        judged.accepted.dtypes, judge(GOOD if judge is orders else "1|A|9876543210|N").accepted.dtypes
    )


def test_arguments_are_not_changed():
    frame = raw(readers.ORDER_FIELDS, [GOOD, GOOD, "~|x|~|~|~|~"], malformed=(2,))
    clean = cleaning.clean_orders(frame)
    before = frame.copy(deep=True), clean.copy(deep=True)
    rules.judge_orders(frame, clean, DAY)
    pd.testing.assert_frame_equal(frame, before[0])
    pd.testing.assert_frame_equal(clean, before[1])


def test_every_reason_has_a_meaning_and_both_halves_name_the_same_fields():
    assert all(meaning and not meaning.endswith(".") for meaning in rules.REASONS.values())
    named = {code.partition("_")[2] for code in rules.REASONS if code.startswith(("missing_", "invalid_"))}
    assert named == {"customer_id", *readers.ORDER_FIELDS}


# Small deliveries full of collisions, against the reference.

CUSTOMER = st.tuples(
    st.sampled_from(["1", " 1", "2", "3", "", "~"]),
    st.sampled_from(["A", " a ", "B", "~"]),
    st.sampled_from(["9876543210", "+91 98765 43210", "9876543211", "12", "", "~"]),
    st.sampled_from(["North", "NORTH ", "S"]),
)
ORDER = st.tuples(
    st.sampled_from(["O1", "O1 ", "O2", "O3", "", "~"]),
    st.sampled_from(["9876543210", "9876543210", "09876543210", "9876543211", "12", "~"]),
    st.sampled_from(["2025-10-12", "2025-10-12", "12-10-2025 00:00", "2025-10-13", "2025-10-15", "x", "~"]),
    st.sampled_from(["S1", "S2", " S2", "~"]),
    st.sampled_from(["1", "1", "01", "2", "0", ""]),
    st.sampled_from(["5", "5", "5.00", "₹5", "6", "-5", "~"]),
)


def delivery(record):
    damaged = st.sampled_from([False] * 7 + [True])
    return st.lists(st.tuples(record.map("|".join), damaged), max_size=8)


def both_ways(drawn, fields, clean, judge, judge_reference):
    """Judge the drawn (row, is damaged) pairs here and in the reference: accepted, rejected, repeats."""
    rows, damaged = [row for row, _ in drawn], [n for n, (_, bad) in enumerate(drawn, start=1) if bad]
    frame = raw(fields, rows, damaged)
    judged = checked(judge(frame, clean(frame)), frame)
    named = frame[list(fields)].astype(object).where(frame[list(fields)].notna(), None).to_dict("records")
    records = [{"record": n, "malformed": n in damaged, **one} for n, one in enumerate(named, start=1)]
    accepted, rejected, repeats = judge_reference(records)
    found = {n: set(codes.split()) for n, codes in reasons(judged).items()}
    assert (found, judged.repeats) == (dict(rejected), repeats)
    return judged.accepted.rename(columns={"total_amount_paise": "total_amount"}), accepted


@given(delivery(CUSTOMER))
def test_customers_as_in_the_reference(drawn):
    found, expected = both_ways(
        drawn, readers.CUSTOMER_FIELDS, cleaning.clean_customers, rules.judge_customers, ref.judge_customers
    )
    assert found.to_dict("records") == [{f: one[f] for f in readers.CUSTOMER_FIELDS} for one in expected]


@given(delivery(ORDER), st.sampled_from(["order", "line"]))
@example([(GOOD, False), (GOOD.replace("S1", "S2"), True)], "order")
def test_orders_as_in_the_reference(drawn, amount_is):
    found, expected = both_ways(
        drawn,
        readers.ORDER_FIELDS,
        cleaning.clean_orders,
        lambda frame, clean: rules.judge_orders(frame, clean, DAY, amount_is),
        lambda records: ref.judge_orders(records, DAY, amount_is),
    )
    fields = list(readers.ORDER_FIELDS)
    assert found[fields].to_dict("records") == [{f: one[f] for f in fields} for one in expected]
    assert (found["order_date"] == found["order_date_time"].dt.normalize()).all()


# Orders and their items.

FOUR_LINES = [f"O1|9876543210|2025-10-12 10:00|S{n}|{n}|8930" for n in (1, 2, 3, 4)]


def test_the_total_of_an_order_counts_once():
    lines = orders(*FOUR_LINES, GOOD.replace("O1", "O2")).accepted
    assert rules.orders_of(lines).astype(object).to_numpy().tolist() == [
        ["O1", "9876543210", pd.Timestamp("2025-10-12 10:00"), pd.Timestamp("2025-10-12"), 893000],
        ["O2", "9876543210", pd.Timestamp("2025-10-12 10:00"), pd.Timestamp("2025-10-12"), 500],
    ]


def test_amounts_of_lines_are_summed():
    lines = orders(*FOUR_LINES, GOOD.replace("O1", "O2"), amount_is="line").accepted
    found = rules.orders_of(lines, "line")
    assert found[["order_id", "total_amount_paise"]].to_numpy().tolist() == [["O1", 3572000], ["O2", 500]]
    assert found["total_amount_paise"].dtype == "int64"


def test_items_have_a_row_for_each_line():
    lines = orders(*FOUR_LINES[:2]).accepted
    assert rules.items_of(lines, "line").to_numpy().tolist() == [
        ["O1", "S1", 1, 893000],
        ["O1", "S2", 2, 893000],
    ]
    found = rules.items_of(lines)
    assert found[["order_id", "sku_id", "sku_count"]].to_numpy().tolist() == [
        ["O1", "S1", 1],
        ["O1", "S2", 2],
    ]
    assert found["amount_paise"].isna().all()
    assert found["amount_paise"].dtype == "Int64"


@pytest.mark.parametrize("amount_is", ["order", "line"])
def test_no_orders_and_no_items(amount_is):
    lines = orders(amount_is=amount_is).accepted
    some = orders(GOOD).accepted
    for grain in (rules.orders_of, rules.items_of):
        pd.testing.assert_series_equal(grain(lines, amount_is).dtypes, grain(some, amount_is).dtypes)


# The gate.


def counts(*rows):
    return pd.DataFrame(rows, columns=["delivery", "records", "rejected"]).assign(status="new")


def test_the_share_that_is_allowed_passes_and_one_more_record_stops():
    gate.require_few_rejected(counts(("a.csv", 10, 1), ("b.xml", 0, 0), ("c.xml", 9, 0)), 0.10)
    with pytest.raises(GateStopped) as stopped:
        gate.require_few_rejected(counts(("a.csv", 10, 1), ("b.xml", 1990, 200), ("c.xml", 1, 1)), 0.10)
    message = str(stopped.value)
    assert message.startswith(
        "b.xml: 200 of 1,990 records were rejected (10.1%, more than 10.0%); c.xml: 1 of 1 "
    )
    assert "a.csv" not in message
    way_out = (
        "See data/rejects/unpublished/; mend the delivery, or set MAX_REJECT_RATIO=1.00 to let it through."
    )
    assert message.endswith(f"Nothing was published. {way_out}")


@pytest.mark.parametrize(("rejected", "records"), [(1, 3), (2, 3), (29, 100), (1, 1), (100_001, 1_000_000)])
def test_the_ratio_that_the_message_offers_lets_the_delivery_through(rejected, records):
    with pytest.raises(GateStopped) as stopped:
        gate.require_few_rejected(counts(("a.csv", records, rejected)), 0.0)
    (offered,) = re.findall(r"MAX_REJECT_RATIO=([\d.]+) ", str(stopped.value))
    gate.require_few_rejected(counts(("a.csv", records, rejected)), float(offered))


@pytest.mark.parametrize("percent", range(1, 101))
def test_a_share_is_compared_exactly(percent):
    gate.require_few_rejected(counts(("a.csv", 100, percent)), percent / 100)
    with pytest.raises(GateStopped):
        gate.require_few_rejected(counts(("a.csv", 99, percent)), percent / 100)


def test_a_delivery_that_comes_again_was_let_through_before():
    gate.require_few_rejected(counts(("a.csv", 10, 9)).assign(status="again"), 0.10)


def test_lines_are_weighed_beside_records():
    one = counts(("c.csv", 2_000, 1))
    gate.require_few_rejected(one.assign(lines=3_000, rejected_lines=300), 0.10)
    with pytest.raises(
        GateStopped, match=r"^c\.csv: 1,001 of 3,000 lines were rejected \(33\.4%, more than 10"
    ):
        gate.require_few_rejected(one.assign(lines=3_000, rejected_lines=1_001), 0.10)


def test_without_deliveries_the_gate_is_open():
    gate.require_few_rejected(counts(), 0.10)
