import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from akasa.ingest import readers
from akasa.ingest.readers import ORDER_FIELDS, split_xml, whole_xml

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
        ("<order_id> 1</order_id><order_id>1</order_id>", "gives order_id twice", {"order_id": " 1"}),
        ("<order_id>1</order_id><order_id>2</order_id><order_id>2</order_id>", "gives order_id twice", {}),
        ("<order_id>1</order_id><order_id>1<b/></order_id>", "gives order_id twice", {}),
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
        (" \n ", 2, "not well-formed XML: no element found"),
        ("<!DOCTYPE orders><orders/>", 1, "it has a DOCTYPE"),
        ('<?xml version="1.0"?>\n\n<!-- -->\n<!DOCTYPE orders SYSTEM "a"><orders/>', 4, "it has a DOCTYPE"),
        ("<?a <!DOCTYPE ?>\n<!-- <!DOCTYPE -\n-->\n<!DOCTYPE\norders><orders/>", 4, "it has a DOCTYPE"),
        (f"\n<!DOCTYPE o [{EXTERNAL}]>\n<orders>&x;</orders>", 2, "it has a DOCTYPE"),
        (f"\n\n<!DOCTYPE o [{BOMB}]>\n<orders>&i;</orders>", 3, "it has a DOCTYPE"),
        (f"<!DOCTYPE o [{BOMB}]>\n<orders a='&i;'/>", 1, "it has a DOCTYPE"),
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
        ("<orders a='&nbsp;'/>", 1, "not well-formed XML: undefined entity"),
        ("<orders>\n&#0;</orders>", 2, "not well-formed XML: "),
        ("<orders>\n\0</orders>", 2, "not well-formed XML: Invalid character"),
        (b"<orders>\n\xe9</orders>", 2, "not well-formed XML: Invalid bytes"),
        ('<?xml version="1.0" encoding="klingon"?><orders/>', 1,
          "the encoding klingon is not known here; save the file as UTF-8"),
        ("<orders>\n" + "<a>" * 256 + "</a>" * 256 + "</orders>", 2, "not well-formed XML: Excessive depth"),
        (f"<orders>\n<order>{'x' * 10_000_001}</order></orders>", 2, "not well-formed XML: Resource limit"),
        ("customer_id,customer_name,mobile_number,region\n", 1,
         "not well-formed XML: text stands before the first tag"),
        ("\0" * 10, 1, "not well-formed XML: "),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_refused_orders(orders, refusal, content, line, cause):
    found_line, found = refusal(orders, content)
    assert (found_line, found[: len(cause)]) == (line, cause)


LATER_WARNINGS = ["<?xmlx?>", "<a xmlns='rel'/>", "<a xmlns='rel'/>" * 200, "<a xml:space='x'/>", ""]
UNBOUND = {
    "an order": "<p:order><order_id>1</order_id></p:order>",
    "a field": "<order><p:order_id>1</p:order_id></order>",
    "a field among others": "<order><sku_id>1</sku_id><p:order_id>1</p:order_id></order>",
    "an attribute": "<order p:a='1'><sku_id>1</sku_id></order>",
    "a field of an unknown element": "<gift><p:order_id/></gift>",
    "two attributes of one name": "<order xmlns:a='urn:u' xmlns:b='urn:u' a:x='' b:x=''/>",
}


@pytest.mark.parametrize("later", LATER_WARNINGS, ids=range(len(LATER_WARNINGS)))
@pytest.mark.parametrize("inner", UNBOUND.values(), ids=UNBOUND)
def test_what_is_wrong_with_a_namespace_is_refused_whatever_comes_after_it(
    orders, refusal, monkeypatch, inner, later
):
    monkeypatch.setattr(split_xml, "RUN_BYTES", 150)
    good = "<order><order_id>1</order_id></order>\n"
    line, cause = refusal(orders, f"<orders>\n{later}{good * 9}{inner}{good}{later}{good * 9}</orders>")
    assert line == 11
    assert re.match("not well-formed XML: Namespace", cause)


MANY = "<a>1</a>" * 120_000


@pytest.mark.parametrize("neighbour", ["R and B", "R &amp; B"])
def test_an_order_of_too_many_elements_is_refused_with_its_line(orders, refusal, neighbour):
    near = f"<order><order_id>{neighbour}</order_id></order>\n"
    content = f"<orders>\n{near * 30_000}<order>{MANY}</order>\n{near * 5}</orders>"
    cause = "the <order> that begins here is longer than 100,000 elements"
    assert refusal(orders, content) == (30_002, cause)


BESIDE = {
    "nothing": "",
    "plain orders": "<order><b>x</b></order>\n" * 300,
    "orders that are not": "<order><b>R &amp; B</b></order>\n" * 300,
    "text": "\n" * 12_345,
}


@pytest.mark.parametrize("beside", BESIDE.values(), ids=BESIDE)
@pytest.mark.parametrize("dress", ["<a>1</a>", "<a>&amp;</a>", "<a/>", "<a a='1'></a>"])
@pytest.mark.parametrize("run_bytes", [100, 5_000, 1_000_000])
def test_the_limit_of_elements_is_the_same_to_one(orders, refusal, monkeypatch, beside, dress, run_bytes):
    monkeypatch.setattr(split_xml, "RUN_BYTES", run_bytes)
    monkeypatch.setattr(whole_xml, "MOST_ELEMENTS", 1_000)
    most = f"<orders>\n{beside}<order>{dress * 999}</order>"
    orders(f"{most}{beside}</orders>")
    line, cause = refusal(orders, f"{most[:-8]}{dress}</order>{beside}</orders>")
    assert (line, cause[-14:]) == (2 + beside.count("\n"), "1,000 elements")


@pytest.mark.parametrize("neighbour", ["", "<order><sku_id>&amp;</sku_id></order>", "<order x='1'/>" * 3_000])
@pytest.mark.parametrize("run_bytes", [100, 5_000, 1_000_000])
@pytest.mark.parametrize("block_bytes", [37, 32_768])
def test_the_limit_of_names_is_the_same_to_one(
    orders, refusal, monkeypatch, neighbour, run_bytes, block_bytes
):
    monkeypatch.setattr(split_xml, "RUN_BYTES", run_bytes)
    monkeypatch.setattr(whole_xml, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(whole_xml, "NAMES_BYTES", 1_000 + 2 * ("x=" in neighbour))
    named = "".join(f"<order><n{n:04d}>1</n{n:04d}></order>" for n in range(200))  # of five bytes each
    assert len(orders(f"<orders>{neighbour}{named}{neighbour}</orders>")[1]) >= 200
    one_more = f"<orders>{neighbour}{named}{neighbour}<order><y>1</y></order>{neighbour}</orders>"
    line, cause = refusal(orders, one_more)
    assert (line, cause[:40]) == (None, NAMES[:40])


LONG_NAME = "n" * 49_000


@pytest.mark.parametrize(
    "content",
    [
        f"<orders><{LONG_NAME}></b></orders>",
        f"<{LONG_NAME}/>",
        f"<orders><order>&{LONG_NAME};</order></orders>",
        f"<orders><{LONG_NAME}/></orders>",
        f"<orders><p:{LONG_NAME}/></orders>",
        "<orders>" + "".join(f"<{chr(65 + n)}{LONG_NAME}/>" for n in range(6)) + "</orders>",
    ],
)
def test_a_message_is_short_whatever_is_named(orders, refusal, content):
    _, cause = refusal(orders, content)
    assert len(cause) < 500
    assert "nnn…" in cause


def test_the_fault_of_a_record_clips_the_name_that_it_tells(orders):
    inner = "<order><order_id>1</order_id></order>"
    [record], _ = orders(f"<orders><{LONG_NAME}>{inner}</{LONG_NAME}></orders>")
    assert record["malformed"] == f"stands inside <{'n' * 59}…>, not directly below <orders>"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("<orders>" + "<Order><order_id>1</order_id></Order>" * 50 + "</orders>", "Order (50 times)"),
        ("<orders><page><Order/></page><b/></orders>", "page (1 times), b (1 times)"),
        ("<orders>1,2,3</orders>", "text between elements (1 times)"),
        ("<orders>" + "".join(f"<a{n}/>" for n in range(7)) + "</orders>",
         "a0 (1 times), a1 (1 times), a2 (1 times), a3 (1 times), a4 (1 times) and 2 others"),
    ],
)  # fmt: skip
def test_content_without_one_order_is_refused(orders, refusal, content, what):
    cause = f"it has not one <order>, but {what}; a day without orders is an empty <orders/>"
    assert refusal(orders, content) == (None, cause)


@pytest.mark.parametrize("inner", ["", "\n", "<!-- none --><?a?>", "<![CDATA[ ]]>"])
def test_a_day_without_orders_is_fine(orders, inner):
    assert orders(f"<orders day='1'>{inner}</orders>") == ([], {})


def test_a_doctype_in_utf_16_is_refused_with_its_line(orders, refusal):
    content = '<?xml version="1.0" encoding="UTF-16"?>\n\n<!DOCTYPE orders><orders/>'
    assert refusal(orders, content.encode("utf-16"))[0] == 3


def test_an_undefined_entity_deep_in_a_large_file_is_refused_with_its_line(orders, refusal):
    lines = ["<order/>"] * 5_000
    lines[4_500] = "<order a='&nbsp;'/>"
    content = "\n".join(["<orders>", *lines, "</orders>"])
    assert refusal(orders, content) == (4_502, "not well-formed XML: Entity 'nbsp' not defined")


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
WRITTEN = given(data=st.data(), encoding=st.sampled_from(["UTF-8", "UTF-16", "US-ASCII", "windows-1252"]))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("xml") / "o.xml"


@WRITTEN
@settings(max_examples=25)
def test_what_lxml_writes_is_read_back(path, data, encoding):
    assert_read_back(path, data, encoding)


@pytest.mark.long
@WRITTEN
@settings(max_examples=1_000)
def test_much_that_lxml_writes_is_read_back(path, data, encoding):
    assert_read_back(path, data, encoding)


def assert_read_back(path, data, encoding):
    root, expected = etree.Element("orders"), []
    for record in range(1, data.draw(st.integers(1, 4)) + 1):
        values = data.draw(st.dictionaries(st.sampled_from(ORDER_FIELDS), XML_TEXT))
        element = etree.SubElement(root, "order")
        for name in data.draw(st.permutations(list(values))):
            element.append(etree.Comment(data.draw(COMMENT)))
            _set_with_a_comment(etree.SubElement(element, name), values[name], data.draw(COMMENT))
        expected.append({"record": record, **dict.fromkeys((*ORDER_FIELDS, "malformed", "raw")), **values})
    path.write_bytes(etree.tostring(root, encoding=encoding, xml_declaration=True))
    unknown = Counter()
    assert readers.read_orders(path, unknown).read_all().to_pylist() == expected
    assert not unknown


def _set_with_a_comment(element, text, comment):
    """Give an element a text with a comment in its middle."""
    element.text = text[: len(text) // 2]
    if comment:
        element.append(etree.Comment(comment))
        element[0].tail = text[len(text) // 2 :]
    else:
        element.text = text


FOO, ORDER = b"<foo>x</foo>", b"<order><order_id>O</order_id></order>"
USUAL = b"<order><order_id>ORD-1</order_id><sku_id>SKU-1</sku_id></order>\n"
LONG = b"x" * 3_000_000


def many(part, megabytes):
    return part * (megabytes * 1_000_000 // len(part))


def differing(pattern, megabytes):
    first, length = 10**8, len(pattern % 10**8)
    return b"".join(pattern % n for n in range(first, first + megabytes * 1_000_000 // length))


def nested(text, levels):
    return b"".join([b"<a b='", text, b"'>", text]) * levels + b"</a>" * levels


def test_memory_does_not_grow_with_the_file(growth):
    foos = many(FOO, 2)
    inner = {
        USUAL * 400_000: "400000",
        foos: NO_ORDER + "foo (166,666 times)",
        ORDER + foos + ORDER: "2",
        b"<foo>" + foos + b"</foo>": NO_ORDER + "foo (1 times)",
        b"<foo>" + foos + ORDER + b"</foo>": "1",
        nested(b"x" * 90_000, levels=250): NO_ORDER + "a (1 times)",
    }
    found = growth(".xml", *(b"<orders>" + one + b"</orders>" for one in inner))
    assert [said.partition(";")[0] for said, _ in found] == list(inner.values())
    assert max(kib for _, kib in found) < 40_000, found


NO_ORDER = "it has not one <order>, but "
BEFORE_ANY = "no element begins in its first 10,000,000 bytes"
TOO_LONG = "the <order> that begins here is longer than "
NAMES = "the names of its elements and attributes have more than 300,000 bytes"
HUGE = {
    "no order": (lambda: many(FOO, 20), NO_ORDER),
    "between orders": (lambda: ORDER + many(FOO, 20) + ORDER, "2"),
    "one element of many": (lambda: b"<foo>" + many(FOO, 20) + b"</foo>", NO_ORDER),
    "many before an order inside": (lambda: b"<foo>" + many(FOO, 20) + ORDER + b"</foo>", "1"),
    "long raw texts": (
        lambda: many(b"<order><sku_id/><sku_id>" + 3 * LONG + b"</sku_id></order>", 90),
        "9",
    ),
    "long raw texts of four bytes a letter": (
        lambda: many(b"<order><sku_id/><sku_id>" + "😀".encode() * 2_250_000 + b"</sku_id></order>", 180),
        "19",
    ),
    "nested long texts": (lambda: nested(LONG, levels=50), NO_ORDER),
    "a comment": (
        lambda: FOO + b"<!--" + many(b"<a/>", 20) + b"-->",
        "no element begins in 10,000,000 bytes after <foo>",
    ),
    "a tag": (
        lambda: b"<foo b='" + many(b"x", 20) + b"'/>",
        "no element begins in 10,000,000 bytes after <orders>",
    ),
    "a tag of many names": (
        lambda: b"<foo" + differing(b" a%d=''", 20) + b"/>",
        NAMES,
    ),
    "an order of elements": (
        lambda: b"<order>" + many(b"<a/>", 20) + b"</order>",
        TOO_LONG + "100,000 elements",
    ),
    "an order of text": (
        lambda: b"<order>" + many(b"<a>" + LONG + b"</a>", 20) + b"</order>",
        TOO_LONG + "10,000,000 bytes",
    ),
    "names": (lambda: b"<foo>" + differing(b"<n%d/>", 20) + b"</foo>", NAMES),
    "names in plain orders": (
        lambda: re.sub(rb"(n\d+)", rb"<order><\1>1</\1></order>", differing(b"n%d", 5)),
        NAMES,
    ),
    "names of attributes": (lambda: differing(b"<order n%d=''/>", 20), NAMES),
    "namespaces": (lambda: differing(b"<foo xmlns='n%d'/>", 20), NAMES),
}
HUGE_PROLOGS = {
    "comments": (lambda: many(b"<!-- -->", 20), BEFORE_ANY),
    "a comment": (lambda: b"<!--" + many(b"<a/>", 20) + b"-->", BEFORE_ANY),
    "a DOCTYPE": (lambda: b"<!DOCTYPE o [" + differing(b"<!ENTITY e%d ''>", 20) + b"]>", "it has a DOCTYPE"),
}


@pytest.mark.long
@pytest.mark.parametrize(("inner", "said"), HUGE.values(), ids=HUGE)
def test_no_orders_take_much_memory(growth, inner, said):
    assert_little_grows(growth, b"<orders>" + inner() + b"</orders>", said)


@pytest.mark.long
@pytest.mark.parametrize(("prolog", "said"), HUGE_PROLOGS.values(), ids=HUGE_PROLOGS)
def test_no_prolog_takes_much_memory(growth, prolog, said):
    assert_little_grows(growth, prolog() + b"<orders/>", said)


def assert_little_grows(growth, content, said):
    [(found, grown_kib)] = growth(".xml", content, buffers="")
    assert found.startswith(said)
    assert grown_kib < 200_000
