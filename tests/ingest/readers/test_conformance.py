"""Our reading beside that of a plain parser: of small documents for each rule of XML, made and spoilt ones.

What lxml, told nothing but to be strict, takes for well-formed is read, and its tree gives the same records;
all else is refused. A CSV is read beside the reference. `make fuzz` goes on for long.
"""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lib import reference as ref
from lxml import etree

from akasa.ingest import readers
from akasa.ingest.readers import CUSTOMER_FIELDS, ORDER_FIELDS, split_xml, whole_xml

FEW, MANY = 60, int(os.environ.get("FUZZ_EXAMPLES", "1000"))
RUN_BYTES = (1, 60, 2_000_000)
REFUSED = "refused"
ONE = "<order><order_id>O-1</order_id><sku_id>S</sku_id></order>\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("conformance")


def ours(folder, content, run_bytes, block_bytes=32_768):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(split_xml, "RUN_BYTES", run_bytes)
        patch.setattr(whole_xml, "BLOCK_BYTES", block_bytes)
        (folder / "o.xml").write_bytes(content)
        try:
            found = readers.read_orders(folder / "o.xml", Counter()).read_all().to_pylist()
        except readers.RefusedDelivery:
            return REFUSED
    return [(*(one[field] for field in ORDER_FIELDS), one["malformed"] is not None) for one in found]


def by_lxml(content):
    """Read with a parser of lxml's that is given the whole document, and look at all that it has logged."""
    parser = etree.XMLParser(
        resolve_entities="internal", no_network=True, remove_comments=True, remove_pis=True, collect_ids=False
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        return REFUSED
    wrong = [one for one in parser.error_log if one.level >= etree.ErrorLevels.ERROR]
    if wrong or root.getroottree().docinfo.doctype or ref_name(root) != "orders":
        return REFUSED
    try:
        records = ref.orders_of(root)
    except ref.RefusedError:
        return REFUSED
    return [tuple(one[field] for field in (*ORDER_FIELDS, "malformed")) for one in records]


def ref_name(element):
    return element.tag.rpartition("}")[2]


def alike(found, expected):
    """An order_id comes trimmed from the reference."""
    if REFUSED in (found, expected):
        return found == expected
    return [(one[0] and one[0].strip(), *one[1:]) for one in found] == expected


def assert_agreed(folder, content, run_sizes=RUN_BYTES, block_bytes=32_768):
    expected = by_lxml(content)
    for run_bytes in run_sizes:
        found = ours(folder, content, run_bytes, block_bytes)
        assert alike(found, expected), (content, run_bytes, found, expected)


FRAGMENTS = {
    # Characters, references, sections: well-formed.
    *("", "a", " \t\n", "a\r\nb", "a\rb", "é₹😀", "\x7f", "\x85\u2028", "\ud7ff\ue000\ufffd", "\U0010ffff",
      "]]", "> '\""),
    *("&lt;&gt;&amp;&apos;&quot;", "&#65;&#x41;&#x10FFFF;", "&#9;&#10;&#13;", "&#0065;", "<![CDATA[]]>",
      "<![CDATA[<&>]]>"),
    *("<![CDATA[]]]]>", "<![CDATA[a]]><![CDATA[b]]>", "<!---->", "<!-- <a> & -->", "a<!-- - -->b", "<?a?>",
      "<?a b?c>?>"),
    # … and not.
    *("&", "& ", "&a", "&a;", "&;", "&#;", "&#x;", "&#65", "&#xZ;", "&#0;", "&#x1;", "&#xD800;", "&#xFFFE;",
      "&#x110000;"),
    *("&#-1;", "&lt", "&LT;", "\0", "\x01", "\x1f", "\ufffe", "\uffff", "]]>", "<![CDATA[", "<![CDATA[]]",
      "<![cdata[]]>"),
    *("<!-- -- -->", "<!-- --->", "<!--", "<!-- ", "<!- a -->", "<!->", "<?", "<?a", "<? a?>", "<??>",
      "<?xml version='1.0'?>"),
    *("<?XML?>", "<?1?>", "<!DOCTYPE a>", "<!ENTITY a 'b'>", "<!ELEMENT a ANY>", "<![INCLUDE[a]]>", "<",
      "< ", "<>", "</>", "<!>"),
    # Elements, names, attributes: well-formed.
    *("<a/>", "<a></a>", "<a />", "<a\n>\n</a\n>", "<_/>", "<a.b-c_1/>", "<é/>", "<अ/>",
      "<a><b><c/></b></a>", "<a/><a/>"),
    *("<a b='1'/>", '<a b="1" c="2"/>', "<a b = '1'/>", "<a b=''/>", "<a b='>'/>", "<a b='\"'/>",
      "<a b='&lt;&#10;'/>"),
    *("<a b='a\nb\tc'/>", "<a xml:lang='en'/>", "<a xml:space='preserve'/>", "<a xml:id='x'/>",
      "<a b='</order>'/>"),
    # … and not.
    *("<a>", "</a>", "<a></b>", "<a><b></a></b>", "<a/ >", "<a / >", "< a/>", "<1/>", "<-/>", "<.a/>",
      "<a b/>", "<a b=1/>"),
    *("<a b='1\"/>", "<a b='<'/>", "<a b='&'/>", "<a b='&x;'/>", "<a b='1' b='2'/>", "<a b='1'c='2'/>",
      "<a 'b'/>", "<a =''/>"),
    *("</a b='1'>", "<a b='\x01'/>", "<a", "<a b='", "<a></a", "<A></a>", "<a$/>", "<a×/>", "<\u200e/>",
      "<a b='&#0;'/>"),
    # Namespaces: well-formed, and not.
    *("<a xmlns='urn:a'/>", "<a xmlns=''/>", "<p:a xmlns:p='urn:a'/>", "<a xmlns:p='u' p:b='' b=''/>",
      "<a xmlns='rel'/>"),
    *("<xml:a/>", "<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>", "<p:a xmlns:p='u'><p:b/></p:a>"),
    *("<p:a/>", "<a p:b=''/>", "<a xmlns:p=''/>", "<p:a:b xmlns:p='u'/>", "<:a/>", "<a:/>",
      "<a xmlns:p='u' xmlns:q='u' p:b='' q:b=''/>"),
    *("<a xmlns:xml='u'/>", "<a xmlns:xmlns='u'/>", "<a xmlns='http://www.w3.org/2000/xmlns/'/>", "<?p:a?>",
      "<p:a/><?xmlx?>"),
    *("<xmlns:a/>", "<a xmlns='%zz'/>", "<p:a xmlns:p='u'></p:b>", "<p:a xmlns:p='u'></q:a>",
      "<a xmlns:p='u' xmlns:p='v'/>"),
    # Ours.
    *("<sku_id>1</sku_id>", "<sku_id/><sku_id>1</sku_id>", "<order/>", "<orders/>",
      "<order><sku_id>1</sku_id></order>"),
    *("</order><order>", "</order>", "<order>", "</orders>", "<orders>", "<!-- </order> -->",
      "<![CDATA[</order>]]>"),
    *("<p:sku_id xmlns:p='u'>1</p:sku_id>", "<sku_id a='1'>1</sku_id>", "<sku_id><b/></sku_id>", "<Order/>"),
    *("<order_id> 1</order_id><order_id>1</order_id>", "<sku_id>a<!-- -->b</sku_id>",
      "<sku_id>a<?b?>c</sku_id>"),
}  # fmt: skip
PLACES = {
    "below the root": f"<orders>{ONE}{{}}{ONE}</orders>",
    "as the only thing": "<orders>{}</orders>",
    "as an order": f"<orders>{ONE}<order>{{}}</order>{ONE}</orders>",
    "as a field": f"<orders>{ONE}<order><order_id>1</order_id>{{}}<sku_id>S</sku_id></order>{ONE}</orders>",
    "as a text": f"<orders>{ONE}<order><sku_id>a{{}}b</sku_id></order>{ONE}</orders>",
    "before the root": f"{{}}<orders>{ONE}</orders>",
    "behind the root": f"<orders>{ONE}</orders>{{}}",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_small_documents_for_each_rule_are_agreed(folder, place):
    for fragment in sorted(FRAGMENTS):
        assert_agreed(folder, place.replace("{}", fragment).encode())


HEADS = [
    *("<?xml version='1.0'?>", '<?xml version="1.0" encoding="utf-8"?>', "<?xml version='1.1'?>",
      "<?xml version='2.0'?>"),
    *("<?xml version='1.0' standalone='yes'?>", "<?xml version='1.0' standalone='maybe'?>", "<?xml?>",
      "<?xml encoding='utf-8'?>"),
    *("<?xml version='1.0' encoding='utf-8' standalone='no' ?>\n", " <?xml version='1.0'?>",
      "<?xml version='1.0'?><?xml version='1.0'?>"),
    *("<?xml version=1.0?>", "<?xml version='1.0'>", "<?XML version='1.0'?>", "\ufeff", "\ufeff\ufeff",
      "\ufeff<?xml version='1.0'?>"),
    *("<!-- a --><?b?>\n", "<!DOCTYPE orders>", "<!DOCTYPE orders [<!ENTITY a 'b'>]>", "text", "&#32;",
      "<![CDATA[ ]]>"),
]  # fmt: skip


def test_heads_are_agreed(folder):
    for head in HEADS:
        assert_agreed(folder, f"{head}<orders>{ONE}</orders>".encode())


@pytest.mark.parametrize(
    "encoding", ["UTF-16", "UTF-16LE", "UTF-16BE", "windows-1252", "ISO-8859-1", "US-ASCII"]
)
def test_encodings_are_agreed(folder, encoding):
    for text in ("a", "é", "é&#233;", "<a b='é'/>", "<é/>", "€", "&"):
        inner = f"{ONE}<order><sku_id>{text}</sku_id></order>"
        said = f'<?xml version="1.0" encoding="{encoding}"?><orders>{inner}</orders>'
        assert_agreed(folder, said.encode(encoding, "xmlcharrefreplace"))


# Made documents, and what becomes of them where bytes are spoilt.

NAMES = st.sampled_from([*ORDER_FIELDS, *ORDER_FIELDS, "order", "orders", "a", "é", "p:sku_id", "q:a"])
TEXT = st.sampled_from(
    ["", "1", " ", "\n", "a b", "é₹", "&amp;", "&#65;", "<![CDATA[<a>]]>", "<!-- </order> -->", "<?a?>", ">"]
)
ATTRIBUTES = st.sampled_from(["", "", "", " a='1'", " xmlns:p='u'", " xmlns='v'", " q:b='<'", " a='>'"])
LEAF = st.builds("<{0}{1}>{2}</{0}>".format, NAMES, ATTRIBUTES, TEXT)
NODE = st.recursive(
    LEAF | TEXT | st.just(ONE),
    lambda inner: st.builds(
        lambda name, more, parts: f"<{name}{more}>{''.join(parts)}</{name}>",
        st.just("order") | NAMES,
        ATTRIBUTES,
        st.lists(inner, max_size=4),
    ),
    max_leaves=12,
)
SPOILT = st.sampled_from(
    [*(bytes([n]) for n in b"<>&/!?-'\"=:; \t\r\n\0\x01x1\xc2\xe9\xff"), b"", b"<!--", b"-->", b"]]>",
      b"<![CDATA[",
     b"</order>", b"<order>", b"</orders>", b"&#0;", b"&x;", b"<!DOCTYPE a>", b"xmlns:p=''", b"<?xmlx?>",
       b"p:"]
)  # fmt: skip
DOCUMENTS = given(
    head=st.sampled_from(["", "", "<?xml version='1.0'?>\n", "\ufeff", "<!-- <orders> -->"]),
    root=st.sampled_from(["", "", " xmlns:p='u' xmlns:q='v'", " xmlns='w'", " a='>'"]),
    nodes=st.lists(NODE, max_size=5),
    spoilt=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4), SPOILT), max_size=3),
    run_bytes=st.integers(1, 300),
    block_bytes=st.sampled_from([5, 64, 32_768]),
)


def assert_document_agreed(folder, head, root, nodes, spoilt, run_bytes, block_bytes):
    content = f"{head}<orders{root}>{''.join(nodes)}</orders>".encode()
    for where, dropped, put in spoilt:
        at = int(where * len(content))
        content = content[:at] + put + content[at + dropped :]
    if content:
        assert_agreed(folder, content, [run_bytes], block_bytes)


@DOCUMENTS
@settings(max_examples=FEW, suppress_health_check=[HealthCheck.too_slow])
def test_made_and_spoilt_documents_are_agreed(folder, **drawn):
    assert_document_agreed(folder, **drawn)


@pytest.mark.long
@DOCUMENTS
@settings(max_examples=MANY, suppress_health_check=[HealthCheck.too_slow])
def test_fuzz_of_documents(folder, **drawn):
    assert_document_agreed(folder, **drawn)


# CSV, beside the reference.

CELL = st.sampled_from(
    ["1", "Asha", "Rao, M", 'A ""B""', "a\nb", "", " ", "9876543210", "é", 'x"y', "\r", "\0"]
)
FIELD = st.builds(lambda text, quotes: f'"{text}"' if quotes else text, CELL, st.booleans())
ROW = (
    st.lists(FIELD, min_size=3, max_size=5).map(",".join)
    | st.just("1,Asha,9876543210,North")
    | st.just(",,,")
)
MARKS = st.sampled_from(['"', '"', '""', ",", "\n", "\r\n", "\r", "x", '",', ',"', "", "\0", ";"])
FILES = given(
    rows=st.lists(ROW, max_size=6),
    newline=st.sampled_from(["\n", "\r\n"]),
    spoilt=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 2), MARKS), max_size=2),
)


def assert_file_agreed(folder, rows, newline, spoilt):
    text = newline.join([",".join(CUSTOMER_FIELDS), *rows, ""])
    for where, dropped, put in spoilt:
        at = int(where * len(text))
        text = text[:at] + put + text[at + dropped :]
    if not text:
        return
    (folder / "c.csv").write_bytes(text.encode())
    try:
        expected = [
            tuple(one[f] for f in CUSTOMER_FIELDS)
            for one in ref.read_customers(text.encode())
            if not one["malformed"]
        ]
    except ref.RefusedError:
        expected = REFUSED
    try:
        records = readers.read_customers(folder / "c.csv").read_all().to_pylist()
        found = [tuple(one[f] for f in CUSTOMER_FIELDS) for one in records if one["malformed"] is None]
    except readers.RefusedDelivery:
        found = REFUSED
    assert found == expected, text


@FILES
@settings(max_examples=2 * FEW)
@example(rows=['1,1,1,"a\nb"'], newline="\n", spoilt=[(0.0, 0, "\n")])
def test_made_and_spoilt_csv_files_are_agreed(folder, **drawn):
    assert_file_agreed(folder, **drawn)


@pytest.mark.long
@FILES
@settings(max_examples=MANY)
def test_fuzz_of_csv_files(folder, **drawn):
    assert_file_agreed(folder, **drawn)
