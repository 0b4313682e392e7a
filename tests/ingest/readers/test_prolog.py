"""What stands before the first order is judged by expat; lxml sees nothing of a file before that."""

import pytest

from akasa.ingest.readers import whole_xml

DOCTYPE = "it has a DOCTYPE, which is never accepted; deliver plain XML"
NO_TABLE = "the encoding {} is not known here; save the file as UTF-8"
SMUGGLED = "<!DOCTYPE o [<!ENTITY e '9'>]><orders><order><order_id>&e;</order_id></order></orders>"


@pytest.fixture
def _no_lxml(monkeypatch):
    def called(*arguments, **options):
        raise AssertionError("lxml saw a part of the file")

    monkeypatch.setattr(whole_xml.etree, "XMLPullParser", called)


@pytest.mark.usefixtures("_no_lxml")
@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('<!DOCTYPE a [<!ENTITY e "<b>">]><orders>&e;</orders>', 1),
        ('\n<!DOCTYPE\na [<!ENTITY e "<b>">]><orders>&e;</orders>', 2),
        ("<!DOCTYPE orders SYSTEM 'http://127.0.0.1/o.dtd'><orders/>", 1),
        ("<!DOCTYPE orders PUBLIC 'p' '/etc/passwd' [<!ENTITY % p SYSTEM '/etc/passwd'>%p;]><orders/>", 1),
        ("<?xml version='1.0'?><!-- -->\n<?a?><!DOCTYPE ", 2),
        ("<!DOCTYPE orders [<!ENTITY", 1),
    ],
)
def test_a_doctype_is_refused_before_lxml_sees_anything(orders, refusal, content, line):
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert refusal(orders, content.encode(encoding)) == (line, DOCTYPE)


@pytest.mark.usefixtures("_no_lxml")
@pytest.mark.parametrize("block_bytes", [1, 3, 60])
def test_a_doctype_is_found_in_blocks_of_any_size(orders, refusal, monkeypatch, block_bytes):
    monkeypatch.setattr("akasa.ingest.readers.prolog.BLOCK_BYTES", block_bytes)
    content = "<?xml version='1.0'?>\n<!-- <!DOCTYPE --><?a <!DOCTYPE ?>\n<!DOCTYPE a><orders/>"
    assert refusal(orders, content) == (3, DOCTYPE)


@pytest.mark.usefixtures("_no_lxml")
@pytest.mark.parametrize(
    "encoding",
    ["Shift_JIS", "UTF-7", "cp037", "GB18030", "hz", "ISO-2022-JP", "klingon", "rot13", "hex", "cp1259"],
)
def test_an_encoding_that_expat_cannot_judge_is_refused(orders, refusal, encoding):
    content = f'<?xml version="1.0" encoding="{encoding}"?>{SMUGGLED}'
    assert refusal(orders, content) == (1, NO_TABLE.format(encoding))


@pytest.mark.usefixtures("_no_lxml")
@pytest.mark.parametrize("encoding", ["utf-7", "cp037", "utf-32", "utf-32-le", "utf-32-be"])
def test_bytes_that_only_libxml2_might_understand_are_refused(orders, refusal, encoding):
    smuggled = SMUGGLED.replace("<", "+ADw-") if encoding == "utf-7" else SMUGGLED
    content = f'<?xml version="1.0" encoding="{encoding}"?>{smuggled}'.encode(encoding)
    assert refusal(orders, content)[1].startswith(
        ("not well-formed XML: ", "the file is in UTF-32", "the encoding ", "it says that it is in")
    )


@pytest.mark.parametrize("encoding", ["utf8", "UTF-8", "us-ascii", "windows-1252", "CP1252", "ISO-8859-15"])
def test_encodings_of_one_byte_a_letter_are_read(orders, encoding):
    content = f'<?xml version="1.0" encoding="{encoding}"?><orders><order><sku_id>S</sku_id></order></orders>'
    assert orders(content.encode(encoding)) == ([{"record": 1, "sku_id": "S"}], {})


def test_a_comment_that_only_one_of_two_parsers_ends_hides_nothing(orders, refusal):
    """In HZ, what stands between ~{ and ~} is Chinese: expat would take the first --> for the end."""
    content = f"<?xml version='1.0' encoding='HZ'?><!-- ~{{ --><orders> ~}} -->{SMUGGLED}"
    assert refusal(orders, content) == (1, NO_TABLE.format("HZ"))


@pytest.mark.usefixtures("_no_lxml")
@pytest.mark.parametrize(
    ("declared", "written", "cause"),
    [
        ("UTF-16", "utf-8",
          "it says that it is in UTF-16, but is in UTF-8; save it as UTF-8, or mend what it says"),
        ("UTF-8", "utf-16",
          "it says that it is in UTF-8, but is in UTF-16; save it as UTF-8, or mend what it says"),
        ("UTF-8", "utf-16-le",
          "it says that it is in UTF-8, but is in UTF-16; save it as UTF-8, or mend what it says"),
    ],
)  # fmt: skip
def test_what_a_file_says_that_it_is_in_must_be_so(orders, refusal, declared, written, cause):
    content = f'<?xml version="1.0" encoding="{declared}"?>\n<orders/>'
    assert refusal(orders, content.encode(written)) == (1, cause)


@pytest.mark.usefixtures("_no_lxml")
@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("\ufeff\ufeff<orders/>", "it begins with two byte order marks; save it as UTF-8 with one or none"),
        ("x<orders/>", "not well-formed XML: what stands before the first order is no XML"),
        ("order_id,mobile_number\n", "not well-formed XML: text stands before the first tag"),
        ("<p:orders/>", "not well-formed XML: unbound prefix"),
        ("<orders a=1>", "not well-formed XML: what stands before the first order is no XML"),
        (f"<{'n' * 49_000}/>", f"the root element is <{'n' * 59}…>, not <orders>"),
        ("<a\u200e/>", "not well-formed XML: what stands before the first order is no XML"),
    ],
)
def test_what_is_wrong_is_said_in_words(orders, refusal, content, cause):
    assert refusal(orders, content) == (1, cause)
