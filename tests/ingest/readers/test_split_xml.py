"""Orders read in runs, beside the same file read by lxml in one piece."""

import io
from collections import Counter
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akasa.ingest import readers
from akasa.ingest.readers import ORDER_FIELDS, records, split_xml, whole_xml

ONE = "<order>\n <order_id>O-1</order_id>\n <sku_id>S</sku_id>\n</order>\n"
LACKING = "<order><total_amount>7</total_amount></order>"
TWICE = "<order><sku_id>1</sku_id><order_id>O</order_id><sku_id> 2\t</sku_id></order>"
AGAIN = "<order><order_id>O</order_id><sku_id>1</sku_id><order_id>O </order_id></order>"
STRANGE = "<order><gift>x</gift><order_id></order_id><gift>\n</gift></order>"
EXAMPLES = {
    "plain": ONE * 3,
    "fields missing": ONE + LACKING + ONE,
    "fields twice": TWICE + ONE + TWICE + TWICE,
    "an order_id twice": TWICE + AGAIN + ONE + AGAIN.replace("O ", "P"),
    "twice beside unknown": STRANGE + TWICE.replace("<sku_id>1", "<gift>y</gift><sku_id>1") + STRANGE,
    "unknown elements": STRANGE * 2 + ONE,
    "unknown element of many names": "".join(f"<order><n{n}>1</n{n}></order>" for n in range(120)),
    "a long name": f"<order><{'n' * 50_001}>1</{'n' * 50_001}></order>",
    "comments": f"<!-- a-b -->{ONE}<!----><!-- é ₹ -->{ONE.replace('<sku', '<!-- c --><sku')}<!-- end -->",
    "a comment that ends wrongly": ONE + "<!-- a --->" + ONE,
    "dashes in a comment": ONE + "<!-- a -- b -->" + ONE,
    "a control character in a comment": ONE + "<!-- \x01 -->" + ONE,
    "an order in a comment": f"{ONE}<!-- </order> -->{ONE}<!-- {ONE} -->{ONE}<!-- <order> --></order>",
    "angles in comments that pair up": f"{ONE}<!-- > <sku_id>x</sku_id> < -->{ONE}",
    "a comment between angles in a value": "<order><sku_id><!-- > < --></sku_id></order>" + ONE,
    "a comment in a value": "<order><sku_id>a<!-- </order> -->b</sku_id></order>" + ONE,
    "a comment at the end of an order": f"<order><sku_id>a</sku_id><!-- --></order>{ONE}",
    "cdata": f"<order><sku_id><![CDATA[</order><order>]]></sku_id></order>{ONE}",
    "cdata around an order": f"{ONE}<![CDATA[{ONE}]]>{ONE}",
    "character references": f"<order><sku_id>&#65;&amp;&lt;</sku_id></order>{ONE}",
    "an undefined entity": f"{ONE}<order><sku_id>&nbsp;</sku_id></order>{ONE}",
    "attributes": f'{ONE}<order a="1"><sku_id b="</x>">S</sku_id></order>{ONE}',
    "an angle in an attribute": f"<order a='>'><sku_id b='>'>S</sku_id></order>{ONE}",
    "an id twice": '<order xml:id="a"/>' * 2,
    "an id twice, far apart": f'<order xml:id="a"></order>{ONE * 3}<order xml:id="a"></order>',
    "a processing instruction": f"{ONE}<?go </order>?>{ONE}<order><sku_id>1</sku_id><?go?></order>",
    "namespaces": '<order xmlns="urn:a"><b:sku_id xmlns:b="urn:b">S</b:sku_id></order>' + ONE,
    "an undeclared prefix": f"{ONE}<order><b:sku_id>S</b:sku_id></order>{ONE}",
    "nested orders": f"{ONE}<order><sku_id>1</sku_id>{ONE}</order>{ONE}<order>{ONE}{ONE}</order>{ONE}",
    "a wrapper": f"{ONE}<page>{ONE * 3}</page>{ONE}",
    "wrappers of more than orders": f"<page>a<note/>b{ONE}c<page a='1'><note/>{ONE * 2}d</page></page>" * 2,
    "elements in a field": f"{ONE}<order><sku_id>a<b>c</b></sku_id></order>{ONE}",
    "empty elements": f"{ONE}<order><sku_id/></order><order/><order></order><order>\n</order>{ONE}",
    "white space in tags": f"{ONE}<order ><sku_id\n>S</sku_id ></order >{ONE}",
    "white space before a name": f"{ONE}<order>< sku_id>1</sku_id></order>",
    "stray text": f"a{ONE}b{ONE}<order>c<sku_id>S</sku_id>d</order>{ONE}e",
    "stray elements": f"<note/>{ONE}<note>{ONE}</note><Order>1</Order>{ONE}<note/>",
    "a greater-than sign": f"{ONE}<order><sku_id>a>b</sku_id></order>{ONE}",
    "]]>": f"{ONE}<order><sku_id>a]]>b</sku_id></order>{ONE}",
    "crlf": (ONE + TWICE + STRANGE).replace("\n", "\r\n") + ONE,
    "a lone carriage return": ONE.replace("\n", "\r") + "<order><sku_id>a\rb\r\nc</sku_id></order>",
    "a control character": f"{ONE}<order><sku_id>a\x01b</sku_id></order>{ONE}",
    "a control character in a field given twice": ONE + TWICE.replace("2", "\x01"),
    "a control character in an unknown element": ONE + STRANGE.replace("x", "\x01"),
    "a NUL": f"{ONE}<order><sku_id>a\0b</sku_id></order>{ONE}",
    "other letters": f"{ONE}<order><sku_id>Zoë ₹ 😀 \x85\u2028\ufeff\x7f</sku_id><é>1</é></order>{ONE}",
    "no-break space between tags": f"{ONE}<order>\xa0<sku_id>1</sku_id>\x85</order>{ONE}",
    "no characters": f"{ONE}<order><sku_id>\ufffe</sku_id></order>{ONE}",
    "tags that cross": f"{ONE}<order><sku_id>1</order_id></order>{ONE}",
    "an order that ends twice": f"{ONE}</order>{ONE}",
    "an order never closed": f"{ONE}<order><sku_id>1</sku_id>{ONE}",
    "a field named order": f"{ONE}<order><order>1</order></order><order><orders>1</orders></order>",
    "the root closes early": f"{ONE}</orders>{ONE}",
    "the root opens again": f"{ONE}</orders><orders>{ONE}",
    "no orders": "\n<!-- none -->\n",
}  # fmt: skip
RUN_BYTES = (1, 7, 64, 300, 2_000_000)
SHAPE = records.schema(ORDER_FIELDS)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("split") / "o.xml"


def in_runs(path, content, run_bytes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(split_xml, "RUN_BYTES", run_bytes)
        return read(path, content)


def in_one_piece(path, content):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(split_xml, "HEAD_BYTES", 0)
        return read(path, content)


def read(path, content):
    path.write_bytes(content)
    unknown = Counter()
    try:
        return readers.read_orders(path, unknown).read_all().to_pylist(), unknown
    except readers.RefusedDelivery as refusal:
        return str(refusal)


def assert_same(path, content, sizes=RUN_BYTES):
    expected = in_one_piece(path, content)
    for run_bytes in sizes:
        assert in_runs(path, content, run_bytes) == expected


@pytest.mark.parametrize("inner", EXAMPLES.values(), ids=EXAMPLES)
def test_named_examples(path, inner):
    sizes = RUN_BYTES if len(inner) < 5_000 else RUN_BYTES[-1:]
    assert_same(path, f"<orders>{inner}</orders>".encode(), sizes)


@pytest.mark.parametrize("block_bytes", [1, 7, 64])
@pytest.mark.parametrize("name", [n for n in EXAMPLES if n != "a long name"])
def test_the_whole_parser_reads_blocks_of_any_size_alike(path, monkeypatch, name, block_bytes):
    content = f"<orders>{EXAMPLES[name]}</orders>".encode()
    expected = in_one_piece(path, content)
    monkeypatch.setattr(whole_xml, "BLOCK_BYTES", block_bytes)
    assert in_one_piece(path, content) == expected


@pytest.mark.parametrize(
    "head",
    [
        "\ufeff<orders>",
        '<?xml version="1.0"?>\r\n<orders day="1">',
        "<?xml version='1.0' encoding='utf-8' ?><!-- <orders> - --><orders>\n",
        '<orders xmlns="urn:a" xmlns:b="urn:b">',
        "<orders a='>'>",
        '<orders xml:id="a">',
        "<orders a='&nbsp;'>",
        "<orders a='1' a='2'>",
        "<orders a=1>",
        "<orders b:a='1'>",
        '<?xml version="1.1"?><orders>',
        '<?xml version="1.0" standalone="yes"?><orders>',
        "<?go?><orders>",
        "<!-- --><a/><!-- --><orders>",
        "<!-- <orders>",
        "<orders><orders>",
        "<orders/>",
        "<orders >\n",
        "<orders\n>text",
        " <?xml version='1.0'?><orders>",
    ],
)
def test_heads(path, head):
    inner = ONE + TWICE + '<order xml:id="a"/>'
    assert_same(path, f"{head}{inner}</orders>".encode())


@pytest.mark.parametrize("head", ["<orders a='>'>", "<orders a=1>", "<orders a='1' a='2'>"])
def test_no_part_comes_below_a_head_that_only_looks_like_one(monkeypatch, head):
    monkeypatch.setattr(split_xml, "RUN_BYTES", 100)
    elements = partial(whole_xml.records, names=whole_xml.Names())
    parts = split_xml.parts(io.BytesIO(f"{head}{ONE * 9}</orders>".encode()), SHAPE, elements)
    with pytest.raises(split_xml.CannotSplit):
        next(parts)


@pytest.mark.parametrize(
    "tail", ["", "</orders", "</orders>\n<!-- é --><?go?>\n", "</orders>x", "</order>", "<order>"]
)
def test_tails(path, tail):
    assert_same(path, f"<orders>{ONE * 2}{TWICE}{tail}".encode())


@pytest.mark.parametrize(
    "encoding", ["UTF-16", "UTF-16LE", "UTF-32", "windows-1252", "US-ASCII", "ISO-8859-1"]
)
def test_other_encodings(path, encoding):
    inner = ONE + "<order><sku_id>caf\xe9</sku_id></order>"
    content = f'<?xml version="1.0" encoding="{encoding}"?><orders>{inner}</orders>'
    assert_same(path, content.encode(encoding, errors="xmlcharrefreplace"))
    assert_same(path, content.encode("latin-1"))


@pytest.mark.parametrize(
    "wrong", [b"\xe9", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xff"]
)
@pytest.mark.parametrize("place", [b"O-1", b"a comment", b"\n</order>"])
def test_wrong_bytes(path, wrong, place):
    content = f"<orders>{ONE}<!-- a comment -->{ONE * 2}</orders>".encode()
    for at in (content.find(place), content.rfind(place)):
        assert_same(path, content[:at] + wrong + content[at:])


@pytest.mark.parametrize(
    "content",
    [
        "<orders><order><sku_id>1</sku_id></order><!-- </order> --><order/></orders>\n",
        pytest.param(
            f"<orders>\n{ONE}<!-- </order> -->{TWICE}{STRANGE}</orders>\n", marks=pytest.mark.long, id="long"
        ),
    ],
)
def test_every_truncation_and_every_size_of_runs(path, content):
    content = content.encode()
    for end in range(1, len(content)):
        assert_same(path, content[:end], sizes=(1,))
    assert_same(path, content, sizes=range(1, len(content) + 1))


PIECES = st.sampled_from([ONE, ONE, ONE, LACKING, TWICE, STRANGE, *EXAMPLES.values()])
NOISE = st.sampled_from([
    *(bytes([byte]) for byte in b"<>&/!?-'\"] \t\r\n\0\x01x\xe9\xff"),
    b"<!--", b"-->", b"]]>", b"<![CDATA[", b"</order>", b"<order>", b"<sku_id>", b"</sku_id>", b"/>",
    b"&amp;", b"&#65;", b"\xef\xbf\xbf", b"\xe2\x82\xb9", b"</orders>", b"<!-- </order> -->", b"<?go?>",
    b" a='1'", b"xml:id",
])  # fmt: skip


MUTATIONS = given(
    pieces=st.lists(PIECES.filter(lambda piece: len(piece) < 500), max_size=6),
    noise=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), NOISE), max_size=3),
    run_bytes=st.integers(1, 200),
)


@MUTATIONS
@settings(max_examples=50)
def test_mutated_files_read_alike(path, pieces, noise, run_bytes):
    assert_same(path, mutated(pieces, noise), sizes=[run_bytes])


@pytest.mark.long
@MUTATIONS
@settings(max_examples=2_500)
def test_many_mutated_files_read_alike(path, pieces, noise, run_bytes):
    assert_same(path, mutated(pieces, noise), sizes=[run_bytes])


def mutated(pieces, noise):
    content = f"<orders>{''.join(pieces)}</orders>".encode()
    for where, dropped, put in noise:
        at = int(where * len(content))
        content = content[:at] + put + content[at + dropped :]
    return content
