import codecs
import csv
import gzip
import io
from collections import Counter

import pytest
from hypothesis import given, settings
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
        (b"  ", "1 fields where the header has 4"),
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
         "Customer_ID, customer_name, mobile_number, region"),
        (HEADER + b'1,a,9,N\n2,"b,8,S\n3,c,7,S\n', 3, UNCLOSED),
        (HEADER + b'1,"a\nb",9,N\n2,"b\nb","8\n', 4, UNCLOSED),
        (b'"customer_id' + HEADER[11:], 1, UNCLOSED),
        (b'"customer_id"x' + HEADER[11:], 1, "the header cannot be read: text after a closing quote"),
        (HEADER.strip() + b"\r1,a,9,N\r", 1, "the header cannot be read: a carriage return outside quotes"),
        (HEADER + b"1,a,9,N\n2,\xe9,8,S\n", 3, "not UTF-8 (byte 0xe9); save the file as UTF-8"),
        (HEADER + b'1,"a\n\xff",9,N\n', 3, "not UTF-8 (byte 0xff); save the file as UTF-8"),
        (HEADER.decode().encode("utf-16"), 1, "not UTF-8 (byte 0xff); save the file as UTF-8"),
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
@settings(max_examples=2_000)
def test_much_that_csv_writes_is_read_back(path, columns, rows, form, bom):
    assert_read_back(path, columns, rows, form, bom)


def assert_read_back(path, columns, rows, form, bom):
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator=form[0], quoting=form[1]).writerows([columns, *rows])
    path.write_bytes(stream.getvalue().encode("utf-8-sig" if bom else "utf-8"))
    unknown = Counter()
    found = readers.read_customers(path, unknown).read_all().to_pylist()
    places = [columns.index(field) for field in CUSTOMER_FIELDS]
    assert [tuple(one.values()) for one in found] == [
        (record, *(row[place] for place in places), None, None) for record, row in enumerate(rows, start=1)
    ]
    assert unknown == Counter({"note": len(rows)} if rows else {})


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
