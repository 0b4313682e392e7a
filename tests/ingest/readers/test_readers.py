import codecs
import csv
import gzip
import io
import re
import subprocess
import sys
import zipfile
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from akasa.ingest import readers
from akasa.ingest.readers import CUSTOMER_FIELDS, ORDER_FIELDS, RefusedDelivery, records

UNCLOSED = "the record that begins here has a quote that is never closed"
HEADER = b"customer_id,customer_name,mobile_number,region\n"
NOT_A_SURROGATE = st.characters(exclude_categories=["Cs"])


@pytest.fixture
def customers(tmp_path):
    """Read bytes as a customers CSV: the records (without what is null), and what was unknown."""
    return lambda content: _read(readers.read_customers, tmp_path / "c.csv", content)


@pytest.fixture
def orders(tmp_path):
    return lambda content: _read(readers.read_orders, tmp_path / "o.xml", content)


def _read(read, path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    unknown = Counter()
    found = read(path, unknown).read_all().to_pylist()
    return [{k: v for k, v in one.items() if v is not None} for one in found], dict(unknown)


def refusal(read, content):
    with pytest.raises(RefusedDelivery) as refused:
        read(content)
    assert str(refused.value).startswith(refused.value.name)
    return refused.value.line, refused.value.cause


def customer(record, *values):
    return {"record": record, **dict(zip(CUSTOMER_FIELDS, values, strict=True))}


# Customers.


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
def test_refused_customers(customers, content, line, cause):
    assert refusal(customers, content) == (line, cause)


def zipped(content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("inside", content)
    return stream.getvalue()


def test_archives_are_refused(customers, orders):
    assert refusal(customers, zipped(HEADER)) == (None, "the file is a zip archive; deliver it as plain .csv")
    assert refusal(orders, zipped("<orders/>")) == (
        None,
        "the file is a zip archive; deliver it as plain .xml",
    )
    assert (
        refusal(orders, gzip.compress(b"<orders/>"))[1]
        == "the file is gzip-compressed; deliver it as plain .xml"
    )


def test_only_a_header(customers):
    assert customers(HEADER) == customers(HEADER.strip()) == ([], {})


def test_a_refusal_names_file_line_and_cause():
    assert str(RefusedDelivery("c.csv", 7, "why")) == "c.csv, line 7: why"
    assert str(RefusedDelivery("c.csv", None, "why")) == "c.csv: why"


@given(
    columns=st.permutations(["note", *CUSTOMER_FIELDS]),
    rows=st.lists(st.lists(st.text(NOT_A_SURROGATE.filter("\0".__ne__)), min_size=5, max_size=5), max_size=5),
    form=st.sampled_from([("\r\n", csv.QUOTE_MINIMAL), ("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_ALL)]),
    bom=st.booleans(),
)
def test_what_csv_writes_is_read_back(tmp_path_factory, columns, rows, form, bom):
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator=form[0], quoting=form[1]).writerows([columns, *rows])
    path = tmp_path_factory.mktemp("csv") / "c.csv"
    path.write_bytes(stream.getvalue().encode("utf-8-sig" if bom else "utf-8"))
    found, unknown = _read(readers.read_customers, path, path.read_bytes())
    places = [columns.index(field) for field in CUSTOMER_FIELDS]
    assert found == [customer(n, *(row[p] for p in places)) for n, row in enumerate(rows, start=1)]
    assert unknown == ({"note": len(rows)} if rows else {})


# Orders.

DAILY = """<orders>
  <order>
    <order_id>ORD-2025-0001</order_id><mobile_number>9123456781</mobile_number>
    <order_date_time>2025-10-12T09:15:32</order_date_time>
    <sku_id>SKU-1001</sku_id><sku_count>2</sku_count><total_amount>7450</total_amount>
  </order>
  <order>
    <total_amount>7450</total_amount><sku_count>1</sku_count><sku_id>SKU-1002</sku_id>
    <order_date_time>2025-10-12T09:15:32</order_date_time>
    <mobile_number>9123456781</mobile_number><order_id>ORD-2025-0001</order_id>
  </order>
</orders>"""


def order(record, *values):
    return {"record": record, **dict(zip(ORDER_FIELDS, values, strict=True))}


def wrapped(*inner):
    return "<orders>" + "".join(f"<order>{one}</order>" for one in inner) + "</orders>"


def test_orders_of_the_daily_feed(orders):
    first = ("ORD-2025-0001", "9123456781", "2025-10-12T09:15:32")
    assert orders(DAILY) == (
        [order(1, *first, "SKU-1001", "2", "7450"), order(2, *first, "SKU-1002", "1", "7450")],
        {},
    )


def test_orders_of_the_simple_export(orders):
    content = '<?xml version="1.0" encoding="UTF-8"?>\n' + wrapped(
        "<order_id>1001</order_id><mobile_number>9</mobile_number><order_date_time>2024-10-15 10:30:00"
        "</order_date_time><sku_id>SKU001</sku_id><sku_count>2</sku_count><total_amount>5500.00</total_amount>"
    )
    assert orders(content) == ([order(1, "1001", "9", "2024-10-15 10:30:00", "SKU001", "2", "5500.00")], {})


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("<sku_id>SKU-1</sku_id>", "SKU-1"),
        ("<sku_id> S\n</sku_id>", " S\n"),
        ("<sku_id/>", ""),
        ("<sku_id></sku_id>", ""),
        ("<sku_id>S<!-- c -->K<!-- </order> -->U</sku_id>", "SKU"),
        ("<sku_id><!-- all --></sku_id>", ""),
        ("<sku_id>a<?php echo?>b</sku_id>", "ab"),
        ("<sku_id><![CDATA[<a>&amp;]]>-<![CDATA[b]]></sku_id>", "<a>&amp;-b"),
        ("<sku_id>&lt;&amp;&gt;&quot;&apos;</sku_id>", "<&>\"'"),
        ("<sku_id>&#65;&#x20B9;&#x1F600;&#13;</sku_id>", "A₹😀\r"),
        ("<!-- <sku_id>no</sku_id> --><sku_id>yes</sku_id><!-- -->", "yes"),
        ('<sku_id xmlns="urn:b">S</sku_id>', "S"),
        ('<b:sku_id xmlns:b="urn:b">S</b:sku_id>', "S"),
    ],
)
def test_text_of_a_field(orders, field, text):
    assert orders(wrapped(field)) == ([{"record": 1, "sku_id": text}], {})


def test_comments_anywhere(orders):
    content = (
        f"<!-- a -->\n<?go on?><orders><!-- <order/> -->{wrapped('', '')[8:-9]}<!-- b --></orders><!-- c -->"
    )
    assert orders(content) == ([{"record": 1}, {"record": 2}], {})


def test_namespaces_are_read_by_local_names(orders):
    content = """<o:orders xmlns:o="urn:a" xmlns="urn:b"><o:order><sku_id>1</sku_id></o:order>
      <order><o:sku_id>2</o:sku_id></order></o:orders>"""
    assert orders(content) == ([{"record": 1, "sku_id": "1"}, {"record": 2, "sku_id": "2"}], {})


def test_what_is_not_ours_is_counted(orders):
    content = """<orders day="1">lost<note/>
      <order a="1"><b>x</b><b/><sku_id c="2">1</sku_id>stray</order>between
      <order a="2"><gift><sku_id>no</sku_id></gift></order><Order/><note/>end</orders>"""
    records, unknown = orders(content)
    assert records == [{"record": 1, "sku_id": "1"}, {"record": 2}]
    assert unknown == {
        "@a": 2, "b": 2, "sku_id/@c": 1, "gift": 1, "note": 2, "Order": 1, "text between elements": 4
    }  # fmt: skip


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("utf-16", "UTF-16"), ("utf-16-le", "UTF-16LE"),
     ("cp1252", "windows-1252"), ("iso8859-15", "ISO-8859-15")],
)  # fmt: skip
def test_declared_encodings(orders, encoding, declared):
    content = f'<?xml version="1.0" encoding="{declared}"?>{wrapped("<sku_id>Zoë €</sku_id>")}'
    assert orders(content.encode(encoding)) == ([{"record": 1, "sku_id": "Zoë €"}], {})


def test_ids_are_attributes_like_others(orders):
    assert orders("<orders>" + "<order xml:id='a'/>" * 2 + "</orders>") == (
        [{"record": 1}, {"record": 2}],
        {"@{http://www.w3.org/XML/1998/namespace}id": 2},
    )


def test_no_orders_at_all(orders):
    assert orders("<orders/>") == orders("<orders>\n<!-- none --></orders>") == ([], {})


@pytest.mark.parametrize(
    ("inner", "fault", "kept"),
    [
        (
            "<order_id>1</order_id><sku_id>a</sku_id><sku_id>a</sku_id>",
            "gives sku_id twice",
            {"order_id": "1"},
        ),
        ("<sku_id/><sku_id/><sku_id>a</sku_id>", "gives sku_id twice", {}),
        ("<order_id>1</order_id><sku_id>a<b/></sku_id>", "has elements inside sku_id", {"order_id": "1"}),
        ("<sku_id>1</sku_id><a:sku_id>2</a:sku_id>", "gives sku_id twice", {}),
        (
            "<order_id>1</order_id><order><order_id>2</order_id></order>",
            "holds another <order>",
            {"order_id": "1"},
        ),
        ("<more><order><order_id>2</order_id></order></more>", "holds another <order>", {}),
    ],
)
def test_malformed_orders_keep_their_raw_xml(orders, inner, fault, kept):
    inner = f"<order>{inner}</order>".replace("<a:sku_id>", '<a:sku_id xmlns:a="urn:a">')
    good = "<order><sku_id>x</sku_id></order>"
    records, _ = orders(f"<orders>{good}{inner} {good}</orders>")
    assert records == [
        {"record": 1, "sku_id": "x"},
        {"record": 2, **kept, "malformed": fault, "raw": inner},
        {"record": 3, "sku_id": "x"},
    ]


def test_orders_in_a_wrapper_are_malformed(orders):
    inner = "<order><order_id>1</order_id></order>"
    records, unknown = orders(f"<orders><page>{inner}{inner}</page>{inner}</orders>")
    fault = "stands inside <page>, not directly below <orders>"
    bad = {"order_id": "1", "malformed": fault, "raw": inner}
    assert records == [{"record": 1, **bad}, {"record": 2, **bad}, {"record": 3, "order_id": "1"}]
    assert unknown == {"page": 1}


def test_what_is_not_ours_in_a_wrapper_counts_where_an_order_follows(orders):
    content = "<orders><page>a<note/>b<order/>c<note/></page><page><note/></page></orders>"
    records, unknown = orders(content)
    assert len(records) == 1
    assert unknown == {"note": 1, "text between elements": 1, "page": 2}


EXTERNAL = '<!ENTITY x SYSTEM "file:///etc/passwd">'
BOMB = '<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "line", "cause"),
    [
        ("", None, "the file is empty"),
        (" \n ", 2, "not well-formed XML: Start tag expected"),
        ("<!DOCTYPE orders><orders/>", 1, "it has a DOCTYPE"),
        ('<?xml version="1.0"?>\n\n<!-- -->\n<!DOCTYPE orders SYSTEM "a"><orders/>', 4, "it has a DOCTYPE"),
        ("<?a <!DOCTYPE ?>\n<!-- <!DOCTYPE -\n-->\n<!DOCTYPE\norders><orders/>", 4, "it has a DOCTYPE"),
        (f"\n<!DOCTYPE o [{EXTERNAL}]>\n<orders>&x;</orders>", 2, "it has a DOCTYPE"),
        (f"\n\n<!DOCTYPE o [{BOMB}]>\n<orders>&i;</orders>", 3, "it has a DOCTYPE"),
        (f"<!DOCTYPE o [{BOMB}]>\n<orders a='&i;'/>", 2, "not well-formed XML: Maximum entity"),
        ("<!DOCTYPE html>\n<html><head><meta></head></html>", 1, "it has a DOCTYPE"),
        ("<html>\n<body><p>Service is unavailable, please try again later.<br></body></html>", 1,
         "the root element is <html>, not <orders>"),
        ("<order/>", 1, "the root element is <order>, not <orders>"),
        ("\n<a:Orders xmlns:a='orders'/>", 2, "the root element is <Orders>, not <orders>"),
        ("<orders>\n<order>\n</orders>", 3, "not well-formed XML: Opening and ending tag mismatch"),
        ("<orders>\n<order>\n<sku_id>1</sku", 3, "not well-formed XML: "),
        ("<orders>\n<order/>\n", 3, "not well-formed XML: Premature end of data"),
        ("<orders/>\n<orders/>", 2, "not well-formed XML: Extra content"),
        ("<orders>\n<order>&nbsp;</order></orders>", 2, "not well-formed XML: Entity 'nbsp' not defined"),
        ("<orders>\n<order a='&nbsp;'/></orders>", 2, "not well-formed XML: Entity 'nbsp' not defined"),
        ("<orders a='&nbsp;'/>", 1, "not well-formed XML: Entity 'nbsp' not defined"),
        ("<orders>\n&#0;</orders>", 2, "not well-formed XML: "),
        ("<orders>\n\0</orders>", 2, "not well-formed XML: Invalid character"),
        (b"<orders>\n\xe9</orders>", 2, "not well-formed XML: Invalid bytes"),
        ('<?xml version="1.0" encoding="klingon"?><orders/>', 1, "not well-formed XML: Unsupported encoding"),
        ("<orders>\n" + "<a>" * 256 + "</a>" * 256 + "</orders>", 2, "not well-formed XML: Excessive depth"),
        (f"<orders>\n<order>{'x' * 10_000_001}</order></orders>", 2, "not well-formed XML: Resource limit"),
        ("customer_id,customer_name,mobile_number,region\n", 1, "not well-formed XML: Start tag expected"),
        ("\0" * 10, 1, "not well-formed XML: "),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_refused_orders(orders, content, line, cause):
    found_line, found = refusal(orders, content)
    assert (found_line, found[: len(cause)]) == (line, cause)


def test_a_doctype_in_utf_16_is_refused_with_its_line(orders):
    content = '<?xml version="1.0" encoding="UTF-16"?>\n\n<!DOCTYPE orders><orders/>'
    assert refusal(orders, content.encode("utf-16"))[0] == 3


def test_an_undefined_entity_deep_in_a_large_file_is_refused_with_its_line(orders):
    lines = ["<order/>"] * 20_000
    lines[9_000] = "<order a='&nbsp;'/>"
    content = "\n".join(["<orders>", *lines, "</orders>"])
    assert refusal(orders, content) == (9_002, "not well-formed XML: Entity 'nbsp' not defined")


def test_depth_and_text_within_the_limits_are_read(orders):
    deep, long = "<a>" * 250 + "</a>" * 250, "x" * 9_999_999
    assert orders(f"<orders>{deep}<order><sku_id>{long}</sku_id></order></orders>")[0] == [
        {"record": 1, "sku_id": long}
    ]


XML_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("\t\n\r<&>\"' ]")
)
COMMENT = st.sampled_from(["", "", "</order>", " <order> ", "& ]]>", "é"])


@given(data=st.data(), encoding=st.sampled_from(["UTF-8", "UTF-16", "US-ASCII", "windows-1252"]))
def test_what_lxml_writes_is_read_back(tmp_path_factory, data, encoding):
    root, expected = etree.Element("orders"), []
    for record in range(1, data.draw(st.integers(1, 4)) + 1):
        values = data.draw(st.dictionaries(st.sampled_from(ORDER_FIELDS), XML_TEXT))
        element = etree.SubElement(root, "order")
        for name in data.draw(st.permutations(list(values))):
            element.append(etree.Comment(data.draw(COMMENT)))
            _set_with_a_comment(etree.SubElement(element, name), values[name], data.draw(COMMENT))
        expected.append({"record": record, **{f: values[f] for f in ORDER_FIELDS if f in values}})
    path = tmp_path_factory.mktemp("xml") / "o.xml"
    content = etree.tostring(root, encoding=encoding, xml_declaration=True)
    assert _read(readers.read_orders, path, content) == (expected, {})


def _set_with_a_comment(element, text, comment):
    """Give an element a text with a comment in its middle."""
    element.text = text[: len(text) // 2]
    if comment:
        element.append(etree.Comment(comment))
        element[0].tail = text[len(text) // 2 :]
    else:
        element.text = text


# Both, in batches.


def test_records_are_numbered_on_through_batches(customers, orders, monkeypatch):
    monkeypatch.setattr(records, "BATCH_RECORDS", 2)
    rows = b"".join(b"%d,a,9,N\n" % n for n in range(1, 6))
    assert [one["customer_id"] for one in customers(HEADER + rows)[0]] == ["1", "2", "3", "4", "5"]
    assert [one["record"] for one in orders(wrapped(*"abcde"))[0]] == [1, 2, 3, 4, 5]


def test_batches_come_before_the_file_is_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "BATCH_RECORDS", 100)
    path = tmp_path / "file"
    path.write_bytes(HEADER + b"1,a,9,N\n" * 50_000 + b"\xff")
    assert_streams(readers.read_customers(path), "line 50002: not UTF-8")
    path.write_bytes(b"<orders>\n" + b"<order><sku_id>1</sku_id></order>\n" * 50_000 + b"</order>")
    assert_streams(readers.read_orders(path), "line 50002: not well-formed")


def assert_streams(batches, cause):
    assert [batches.read_next_batch().num_rows for _ in range(100)] == [100] * 100
    with pytest.raises(RefusedDelivery, match=cause):
        batches.read_all()


def test_every_batch_has_the_same_schema(tmp_path):
    (tmp_path / "c.csv").write_bytes(HEADER)
    batches = readers.read_customers(tmp_path / "c.csv")
    assert batches.schema == records.schema(CUSTOMER_FIELDS) == batches.read_all().schema
    assert batches.schema.names == ["record", *CUSTOMER_FIELDS, "malformed", "raw"]
    assert [str(kind) for kind in batches.schema.types] == ["int64"] + ["string"] * 6


GROWTH = """
import resource, sys
from akasa.ingest import readers
read = {"csv": readers.read_customers, "xml": readers.read_orders}[sys.argv[1]]
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
list(read(sys.argv[2]))
before = peak()
records = sum(batch.num_rows for batch in read(sys.argv[3]))
print(records, peak() - before)
"""


@pytest.mark.parametrize(
    ("suffix", "head", "line", "tail"),
    [
        ("csv", HEADER, b"CUST-1,Asha Rao,9123456781,North\n", b""),
        (
            "xml",
            b"<orders>\n",
            b"<order><order_id>ORD-1</order_id><sku_id>SKU-1</sku_id></order>\n",
            b"</orders>",
        ),
    ],
)
def test_memory_does_not_grow_with_the_file(tmp_path, suffix, head, line, tail):
    """A file of 200,000 lines takes no more memory than one of 100,000."""
    files = tmp_path / f"small.{suffix}", tmp_path / f"large.{suffix}"
    for file, count in zip(files, (100_000, 200_000), strict=True):
        file.write_bytes(head + line * count + tail)
    command = [sys.executable, "-c", GROWTH, suffix, *files]
    records, grown_kib = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    assert records == "200000"
    assert int(grown_kib) < 16_384


PEAK = """
import sys
from akasa.ingest import readers
read = {"csv": readers.read_customers, "xml": readers.read_orders}[sys.argv[1][-3:]]
try:
    print(sum(batch.num_rows for batch in read(sys.argv[1])))
except readers.RefusedDelivery as refusal:
    print(refusal.cause)
print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
ORDER, FOO = b"<order><order_id>O</order_id></order>", b"<foo>x</foo>"
LONG = b"x" * 3_000_000
BEFORE_ANY = "no element begins in its first 10,000,000 bytes"
TOO_LONG = "the <order> that begins here is longer than "
NAMES = "its elements and attributes have more than "
RECORD = "the record that begins here is longer than 2,500,000 bytes"


def many(part, megabytes=20):
    return part * (megabytes * 1_000_000 // len(part))


def differing(pattern, megabytes=20):
    first, length = 10**8, len(pattern % 10**8)
    return b"".join(pattern % n for n in range(first, first + megabytes * 1_000_000 // length))


HUGE = {
    "no order": (lambda: many(FOO), "0"),
    "between orders": (lambda: ORDER + many(FOO) + ORDER, "2"),
    "one element of many": (lambda: b"<foo>" + many(FOO) + b"</foo>", "0"),
    "many before an order inside": (lambda: b"<foo>" + many(FOO) + ORDER + b"</foo>", "1"),
    "long raw texts": (
        lambda: many(b"<order><sku_id/><sku_id>" + 3 * LONG + b"</sku_id></order>", 90),
        "9",
    ),
    "long raw texts of four bytes a letter": (
        lambda: many(b"<order><sku_id/><sku_id>" + "😀".encode() * 2_250_000 + b"</sku_id></order>", 180),
        "19",
    ),
    "nested long texts": (lambda: many(b"<a b='" + LONG + b"'>" + LONG, 300) + b"</a>" * 49, "0"),
    "a comment": (
        lambda: FOO + b"<!--" + many(b"<a/>") + b"-->",
        "no element begins in 10,000,000 bytes after <foo>",
    ),
    "a tag": (
        lambda: b"<foo" + differing(b" a%d=''") + b"/>",
        "no element begins in 10,000,000 bytes after <orders>",
    ),
    "an order of elements": (lambda: b"<order>" + many(b"<a/>") + b"</order>", TOO_LONG + "100,000 elements"),
    "an order of text": (
        lambda: b"<order>" + many(b"<a>" + LONG + b"</a>") + b"</order>",
        TOO_LONG + "10,000,000 bytes",
    ),
    "names": (lambda: b"<foo>" + differing(b"<n%d/>") + b"</foo>", NAMES),
    "names in plain orders": (
        lambda: re.sub(rb"(n\d+)", rb"<order><\1>1</\1></order>", differing(b"n%d", 5)),
        NAMES,
    ),
    "names of attributes": (lambda: differing(b"<order n%d=''/>"), NAMES),
    "namespaces": (lambda: differing(b"<foo xmlns='n%d'/>"), NAMES),
}
HUGE_PROLOGS = {
    "comments": lambda: many(b"<!-- -->"),
    "a DOCTYPE": lambda: b"<!DOCTYPE o [" + differing(b"<!ENTITY e%d ''>") + b"]>",
}
HUGE_CSV = {
    "long records": (lambda: many(b"1," + b"x" * 100_000 + b",9,N\n", 100), "999"),
    "records of many fields": (lambda: many(b"x," * 500_000 + b"\n", 100), "99"),
    "one record": (lambda: many(b"x,"), RECORD),
    "one record of many lines": (lambda: many(b'"\n",'), RECORD),
}


@pytest.fixture
def outcome(tmp_path):
    """Read a file in a process of its own, which must not take much memory: the count, or the cause."""

    def read(name, *content):
        path = tmp_path / name
        path.write_bytes(b"".join(content))
        ran = subprocess.run([sys.executable, "-c", PEAK, path], capture_output=True, check=True, text=True)
        path.unlink()
        said, peak_kib = ran.stdout.splitlines()
        assert int(peak_kib) < 300_000
        return said

    return read


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the peak")


@on_linux
@pytest.mark.parametrize(("inner", "said"), HUGE.values(), ids=HUGE)
def test_no_orders_take_much_memory(outcome, inner, said):
    assert outcome("o.xml", b"<orders>", inner(), b"</orders>").startswith(said)


@on_linux
@pytest.mark.parametrize("prolog", HUGE_PROLOGS.values(), ids=HUGE_PROLOGS)
def test_no_prolog_takes_much_memory(outcome, prolog):
    assert outcome("o.xml", prolog(), b"<orders/>") == BEFORE_ANY


@on_linux
@pytest.mark.parametrize(("rows", "said"), HUGE_CSV.values(), ids=HUGE_CSV)
def test_no_customers_take_much_memory(outcome, rows, said):
    assert outcome("c.csv", HEADER, rows()).startswith(said)
