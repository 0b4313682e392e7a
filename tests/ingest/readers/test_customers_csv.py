import bz2
import codecs
import csv
import gzip
import io
import lzma
import re
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from akasa.ingest import readers
from akasa.ingest.readers import CUSTOMER_FIELDS, customers_csv

UNCLOSED = "the record that begins here has a quote that is never closed"
HEADER = b"customer_id,customer_name,mobile_number,region\n"
NOT_A_SURROGATE = st.characters(exclude_categories=["Cs"])


def customer(record, *values):
    return {"record": record, **dict(zip(CUSTOMER_FIELDS, values, strict=True))}


def test_customers_of_the_daily_feed(customers):
    content = HEADER + b"CUST-001,Aarav Mehta,9123456781,West\nCUST-002,Diya Rao,+91 98765-43210,NORTH \n"
    assert customers(content) == (
        [
            customer(1, "CUST-001", "Aarav Mehta", "9123456781", "West"),
            customer(2, "CUST-002", "Diya Rao", "+91 98765-43210", "NORTH "),
        ],
        {},
    )


def test_everything_of_the_simple_export_is_text(customers):
    content = HEADER + b"1,NA,9123456781,\n007,1e5, 98,nan\n"
    assert customers(content)[0] == [
        customer(1, "1", "NA", "9123456781", ""),
        customer(2, "007", "1e5", " 98", "nan"),
    ]


@pytest.mark.parametrize("start", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n"])
def test_dress_of_a_csv(customers, start, newline, end):
    content = start + newline.join([HEADER.strip(), "1,Zoë,9,₹".encode(), b"2,b,8,c"]) + end
    assert customers(content) == ([customer(1, "1", "Zoë", "9", "₹"), customer(2, "2", "b", "8", "c")], {})


def test_quoting(customers):
    content = HEADER + b'1,"Rao, ""M""","9\r\n8",""\n"2",a"b, "c",d\n'
    fields = [("1", 'Rao, "M"', "9\r\n8", ""), ("2", 'a"b', ' "c"', "d")]
    assert customers(content)[0] == [customer(n, *row) for n, row in enumerate(fields, start=1)]


def test_columns_in_any_order_and_unknown_ones_counted(customers):
    content = (
        b"region , extra,customer_id,,mobile_number,customer_name,extra\nN,x,1,,9,A,y\nS,x,2,,8,B,y\n,short\n"
    )
    records, unknown = customers(content)
    assert records[:2] == [customer(1, "1", "A", "9", "N"), customer(2, "2", "B", "8", "S")]
    assert unknown == {"extra": 4, "a column without a name": 2}


def test_blank_lines_are_no_records(customers):
    assert customers(b"\n\r\n" + HEADER + b"\n1,a,9,N\n\n\n2,b,8,S\n") == (
        [customer(1, "1", "a", "9", "N"), customer(2, "2", "b", "8", "S")],
        {},
    )


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (b"1,a,9", "3 fields where the header has 4"),
        (b"1,a,9,N,", "5 fields where the header has 4"),
        (b"x", "1 fields where the header has 4"),
        (b'1,"a"b,x"y"z,9,N', "text after a closing quote"),
        (b"1,a\0,9,N", "a NUL byte"),
        (b"1,a\0", "a NUL byte"),
        (b'1,"a"b,9,N', "text after a closing quote"),
        (b'1,"a\nb" ,9,N', "text after a closing quote"),
        (b"1,a\rb,9,N", "a carriage return outside quotes"),
    ],
)
def test_one_malformed_record_and_the_rest_is_read_on(customers, row, fault):
    content = HEADER + b"1,a,9,N\n" + row + b"\r\n3,c,7,S\n"
    assert customers(content)[0] == [
        customer(1, "1", "a", "9", "N"),
        {"record": 2, "malformed": fault, "raw": row.decode()},
        customer(3, "3", "c", "7", "S"),
    ]


@pytest.mark.parametrize(
    ("content", "line", "cause"),
    [
        (b"", None, "the file is empty (0 bytes)"),
        (b" \n", 1, "the header lacks the column customer_id; it has: nothing"),
        (b"\n\n", 1, "the header lacks the column customer_id; it has: nothing"),
        (b"customer_id,mobile_number,region\n", 1, "the header lacks the column customer_name; it has: "
         "customer_id, mobile_number, region"),
        (b"\nregion," + HEADER, 2, "the header repeats the column region; it has: "
         "region, customer_id, customer_name, mobile_number, region"),
        (b"Customer_ID" + HEADER[11:], 1, "the header lacks the column customer_id; it has: "
         "Customer_ID, customer_name, mobile_number, region; Customer_ID is to be customer_id, letter "
         "by letter"),
        (HEADER + b'1,a,9,N\n2,"b,8,S\n3,c,7,S\n', 3, UNCLOSED),
        (HEADER + b'1,"a\nb",9,N\n2,"b\nb","8\n', 4, UNCLOSED),
        (b'"customer_id' + HEADER[11:], 1, UNCLOSED),
        (b'"customer_id"x' + HEADER[11:], 1, "the header cannot be read: text after a closing quote"),
        (HEADER.strip() + b"\r1,a,9,N\r", 1, "the header cannot be read: a carriage return outside quotes"),
        (HEADER + b"1,a,9,N\n2,\xe9,8,S\n", 3, "not UTF-8 (byte 0xe9); save the file as UTF-8"),
        (HEADER + b'1,"a\n\xff",9,N\n', 3, "not UTF-8 (byte 0xff); save the file as UTF-8"),
        (HEADER.decode().encode("utf-16"), 1, "the file is in UTF-16; save it as UTF-8"),
        (HEADER + b'1,"' + b"x\n" * 90_000, 2, "a field is longer than 131,072 characters; an open quote?"),
        (gzip.compress(HEADER, mtime=0), None, "the file is gzip-compressed; deliver it as plain .csv"),
        (b"%PDF-1.7", None, "the file is a PDF; deliver it as plain .csv"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", None, "the file is an old Excel workbook; deliver it as plain .csv"),
        (b"<!DOCTYPE html>\n<html>", 1, "this is HTML or XML, not CSV"),
        (b'\n <html lang="en">', 2, "this is HTML or XML, not CSV"),
        (b"<orders/>", 1, "this is HTML or XML, not CSV"),
    ],
)  # fmt: skip
def test_refused_customers(customers, refusal, content, line, cause):
    assert refusal(customers, content) == (line, cause)


def test_only_a_header(customers):
    assert customers(HEADER) == customers(HEADER.strip()) == ([], {})


WRITTEN = given(
    columns=st.permutations(["note", *CUSTOMER_FIELDS]),
    rows=st.lists(st.lists(st.text(NOT_A_SURROGATE.filter("\0".__ne__)), min_size=5, max_size=5), max_size=5),
    form=st.sampled_from([("\r\n", csv.QUOTE_MINIMAL), ("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_ALL)]),
    bom=st.booleans(),
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("csv") / "c.csv"


@WRITTEN
@settings(max_examples=25)
def test_what_csv_writes_is_read_back(path, columns, rows, form, bom):
    assert_read_back(path, columns, rows, form, bom)


@pytest.mark.long
@WRITTEN
@settings(max_examples=1_000)
def test_much_that_csv_writes_is_read_back(path, columns, rows, form, bom):
    assert_read_back(path, columns, rows, form, bom)


def assert_read_back(path, columns, rows, form, bom):
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator=form[0], quoting=form[1]).writerows([columns, *rows])
    path.write_bytes(stream.getvalue().encode("utf-8-sig" if bom else "utf-8"))
    unknown = Counter()
    found = readers.read_customers(path, unknown).read_all().to_pylist()
    places = [columns.index(field) for field in CUSTOMER_FIELDS]
    filled = [row for row in rows if "".join(row).strip()]
    good = [row for row in filled if not looks_like_rows(row)]
    assert [tuple(one.values())[:5] for one in found] == [
        (record, *(row[place] if row in good else None for place in places))
        for record, row in enumerate(filled, start=1)
    ]
    assert [one["malformed"] is None for one in found] == [row in good for row in filled]
    assert unknown == +Counter({"note": len(good), "a row without any text": len(rows) - len(filled)})


def looks_like_rows(row):
    """Tell whether a row of five fields has more than three lines, or a field that looks like more rows."""
    broken = [field for field in row if "\n" in field]
    like_rows = [field for field in broken if re.search(r"\n[^,]*,", field) or field.count(",") > 3]
    return bool(like_rows) or sum(field.count("\n") for field in row) > 2


# A stray quote.

ROWS = [b"%d,Name %d,98765432%02d,North\n" % (n, n, n) for n in range(1, 13)]


def with_quotes(*places):
    """Twelve rows with a quote at some columns: pairs of a row's number and a column."""
    rows = [row.split(b",") for row in ROWS]
    for number, column in places:
        rows[number - 1][column] = b'"' + rows[number - 1][column]
    return HEADER + b"".join(map(b",".join, rows))


def closed_behind(content, number, column):
    """The same, with a quote behind a field of a row, which closes what is open."""
    head, *rows = content.splitlines(keepends=True)
    cells = rows[number - 1].rstrip(b"\n").split(b",")
    cells[column] += b'"'
    rows[number - 1] = b",".join(cells) + b"\n"
    return head + b"".join(rows)


@pytest.mark.parametrize("column", range(4))
@pytest.mark.parametrize("last", [4, 5, 6, 12])
def test_a_stray_quote_makes_one_malformed_record_of_the_rows_to_the_next(customers, column, last):
    content = closed_behind(with_quotes((3, column)), last, column)
    records, _ = customers(content)
    fault = f"lines 4 to {last + 1} are one record: is a quote on line 4 not closed?"
    assert [one["customer_id"] for one in records if "malformed" not in one] == [
        str(n) for n in range(1, 13) if not 3 <= n <= last
    ]
    [swallowed] = [one for one in records if "malformed" in one]
    assert (swallowed["record"], swallowed["malformed"]) == (3, fault)
    assert swallowed["raw"].count("\n") == last - 3


def test_a_thousand_rows_between_two_stray_quotes_are_one_malformed_record_with_its_lines(customers):
    rows = [b"%d,Name,9%09d,North\n" % (n, n) for n in range(3_000)]
    rows[700] = rows[700].replace(b"Name", b'"Name')
    rows[1_700] = rows[1_700].replace(b"Name", b'Name"')
    records, _ = customers(HEADER + b"".join(rows))
    assert len(records) == 2_000
    assert (
        records[700]["malformed"] == "lines 702 to 1,702 are one record: is a quote on line 702 not closed?"
    )


@pytest.mark.parametrize(
    "row",
    [
        b'1,"Asha\nRao",9876543210,North',
        b'1,"Rao, Asha,\nMumbai",9876543210,"North\nEast"',
        b'1,"Asha ""M"" Rao\n",9876543210,North',
        b'"1","Asha","9876543210","North\n"',
        b'1,"Asha, M,\r\nRao",9876543210,North',
    ],
)
def test_a_field_may_have_a_few_lines(customers, row):
    records, _ = customers(HEADER + row + b"\n" + ROWS[1])
    assert [one.get("malformed") for one in records] == [None, None]


@pytest.mark.parametrize(
    "row",
    [
        b'1,"a"b,"c\nd",Eve,9123456781,West',
        b'1,"a"b,"c\n2,d,9123456781,West\ne",Eve,9123456781,West',
        b'1,"a"b",9,N',
        b'1,"19" monitor",9,N',
        b'1,"a"b,x"y,"c\nd",Eve,9123456781,West',
        b'1,a\rb,"c\nd",Eve,9123456781,West',
        b'1,"Bina,9876543210,South\n2,"Rao, M",9876543211,North',
        b'1,a,9876543210,"North\n2,"b",8,S',
    ],
)
def test_where_a_record_ends_nobody_can_say_the_file_is_refused(customers, refusal, row):
    line, cause = refusal(customers, HEADER + ROWS[0] + row + b"\n" + ROWS[1])
    assert line == 3
    assert cause.startswith("nobody can say where the record that begins here ends (")


@pytest.mark.parametrize(
    "row", [b'1,"Asha "Ash" Rao",9,N', b'1,"a"b,"c",9,N', b'1,"a"b,x"y"z,9,N', b'"1"x,a,9,N']
)
def test_behind_a_faulty_line_that_ends_its_record_others_are_read_on(customers, row):
    records, _ = customers(HEADER + ROWS[0] + row + b"\n" + ROWS[1] + b'3,"c\nd",7,S\n')
    assert [one.get("customer_id") for one in records] == ["1", None, "2", "3"]
    assert records[1]["raw"] == row.decode()


ONE_BREAK = st.text(st.sampled_from('ab "\n'), max_size=5).filter(lambda text: text.count("\n") < 2)
QUOTED = ONE_BREAK.map(lambda text: '"' + text.replace('"', '""') + '"')
RECORD_OF_FOUR = st.tuples(st.integers(1, 99), QUOTED, QUOTED).map(lambda row: "{},{},{},West\n".format(*row))


@given(
    records=st.lists(RECORD_OF_FOUR, min_size=1, max_size=5),
    where=st.floats(0, 1, exclude_max=True),
    put=st.sampled_from(['"', '"x', 'x"', '""x', "", '"x,"', 'x",', ',"']),
    dropped=st.integers(0, 1),
)
@example(['1,"ab","c\nd",West\n'], 0.2, '"x,"', 0)
@settings(max_examples=150)
def test_no_record_is_made_of_a_part_of_another(path, records, where, put, dropped):
    """In a file that was spoilt at one place, one record at most is another, and then none is turned away."""
    at = int(where * len("".join(records)))
    text = "".join(records)
    path.write_bytes(HEADER + (text[:at] + put + text[at + dropped :]).encode())
    try:
        found = readers.read_customers(path).read_all().to_pylist()
    except readers.RefusedDelivery:
        return
    there = [tuple(row) for row in csv.reader(io.StringIO(text, newline=""))]
    good = [tuple(one[field] for field in CUSTOMER_FIELDS) for one in found if one["malformed"] is None]
    invented = [row for row in good if row not in there]
    assert len(invented) <= (1 if len(good) == len(found) else 0)


def test_rows_without_any_text_are_no_records_and_are_counted(customers):
    empty = b',,,\n , ,\t,\n,\n  \n,,,,,,\n"",,,\n'
    assert customers(HEADER + empty + b"1,a,9,N\n" + empty) == (
        [customer(1, "1", "a", "9", "N")],
        {"a row without any text": 12},
    )
    assert customers(HEADER + empty) == ([], {"a row without any text": 6})


# Headers that are nearly right.

FIELDS = ", ".join(CUSTOMER_FIELDS)
LETTERS = ", letter by letter"
LACKS = "lacks the column customer_id; it has: "


@pytest.mark.parametrize(
    ("header", "cause"),
    [
        ("\ufeff\ufeffcustomer_id,customer_name,mobile_number,region",
         rf"{LACKS}\ufeff{FIELDS}; \ufeffcustomer_id is to be customer_id{LETTERS}"),
        ("customer_id\u200b,customer_name,mobile_number,region",
         r"lacks the column customer_id; it has: customer_id\u200b, customer_name, mobile_number, region; "
         rf"customer_id\u200b is to be customer_id{LETTERS}"),
        ("Customer ID,customer_ID,Mobile-Number,REGION",
         f"{LACKS}Customer ID, customer_ID, Mobile-Number, REGION; Customer ID is "
         "to be customer_id, customer_ID is to be customer_id, Mobile-Number is to be mobile_number, "
         f"REGION is to be region{LETTERS}"),
        ("sep=,\ncustomer_id,customer_name,mobile_number,region",
         f"{LACKS}sep=, ; a line that begins with sep= is for Excel alone: leave it out"),
        ("sep=;\ncustomer_id;customer_name;mobile_number;region",
         f"{LACKS}sep=;; a line that begins with sep= is for Excel alone: leave it out"),
        ("customer_id;customer_name;mobile_number;region",
         f"{LACKS}customer_id;customer_name;mobile_number;region; its columns are "
         "separated by semicolons: save it with commas"),
        ('"customer_id"\t"customer_name"\t"mobile_number"\t"region"',
         "cannot be read: text after a closing quote; its columns are separated by tabs: save it with "
         "commas"),
        (f"{'x' * 49_000},customer_name", f"lacks the column customer_id; it has: {'x' * 59}…"),
        ("\u202eregion,customer_name",
         rf"{LACKS}\u202eregion, customer_name; \u202eregion is to be region{LETTERS}"),
    ],
)  # fmt: skip
def test_what_differs_in_a_header_is_shown_with_the_way_out(customers, refusal, header, cause):
    line, said = refusal(customers, f"{header}\n1,a,9,N\n".encode())
    assert (line, said) == (1, f"the header {cause}")


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (HEADER.decode().encode("utf-16"), "the file is in UTF-16; save it as UTF-8"),
        (HEADER.decode().encode("utf-16-le"), "the file is in UTF-16; save it as UTF-8"),
        (HEADER.decode().encode("utf-16-be"), "the file is in UTF-16; save it as UTF-8"),
        (HEADER.decode().encode("utf-32"), "the file is in UTF-32; save it as UTF-8"),
        (lzma.compress(HEADER), "the file is xz-compressed; deliver it as plain .csv"),
        (bz2.compress(HEADER), "the file is bzip2-compressed; deliver it as plain .csv"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "the file is a 7z archive; deliver it as plain .csv"),
        (b"\x28\xb5\x2f\xfd\x20", "the file is zstd-compressed; deliver it as plain .csv"),
        (b"SQLite format 3\0", "the file is an SQLite database; deliver it as plain .csv"),
    ],
)
def test_files_in_another_dress_are_refused_in_words(customers, refusal, content, cause):
    assert refusal(customers, content)[1] == cause


@pytest.mark.parametrize("record", [b"x," * 1_000, b'"\n",' * 500, b"x" * 10_000_000])
def test_a_record_without_end_is_refused(customers, refusal, monkeypatch, record):
    monkeypatch.setattr(customers_csv, "LONGEST_ROW_BYTES", 1_000)
    cause = "the record that begins here is longer than 1,000 bytes; an open quote?"
    assert refusal(customers, HEADER + b"1,a,9,N\n" + record + b"\n") == (3, cause)


def test_records_within_the_limit_add_up_to_any_length(customers, monkeypatch):
    monkeypatch.setattr(customers_csv, "LONGEST_ROW_BYTES", 60)
    assert len(customers(HEADER + b'1,"a\nb",9,N\n' * 50)[0]) == 50


def test_memory_does_not_grow_with_the_file(growth):
    row = b"CUST-1,Asha Rao,9123456781,North\n"
    [(said, grown_kib)] = growth(".csv", HEADER + row * 60_000)
    assert said == "60000"
    assert grown_kib < 24_000


RECORD = "the record that begins here is longer than 2,500,000 bytes"
HUGE = {
    "long records": (b"1," + b"x" * 100_000 + b",9,N\n", 100, "999"),
    "records of many fields": (b"x," * 500_000 + b"\n", 100, "99"),
    "one record": (b"x,", 20, RECORD),
    "one record of many lines": (b'"\n",', 20, RECORD),
}


@pytest.mark.long
@pytest.mark.parametrize(("part", "megabytes", "said"), HUGE.values(), ids=HUGE)
def test_no_customers_take_much_memory(growth, part, megabytes, said):
    rows = part * (megabytes * 1_000_000 // len(part))
    [(found, grown_kib)] = growth(".csv", HEADER + rows, buffers="")
    assert found.startswith(said)
    assert grown_kib < 200_000
