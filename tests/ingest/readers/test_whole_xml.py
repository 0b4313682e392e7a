"""What the whole parser limits, in files that are small beside limits that are smaller."""

import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from akasa.ingest.readers import prolog, split_xml, whole_xml

ORDER = b"<order><order_id>O</order_id></order>"
TEXT = b"<a>" + b"x" * 30_000 + b"</a>"
AFTER_FOO = "no element begins in 100,000 bytes after <foo>"
AFTER_ROOT = "no element begins in 100,000 bytes after <orders>"
TOO_MANY_NAMES = "the names of its elements and attributes have more than 2,000 bytes"
TOO_LONG = "the <order> that begins here is longer than "


@pytest.fixture(autouse=True)
def _low_limits(monkeypatch):
    monkeypatch.setattr(whole_xml, "LONGEST_BYTES", 100_000)
    monkeypatch.setattr(whole_xml, "MOST_ELEMENTS", 1_000)
    monkeypatch.setattr(whole_xml, "NAMES_BYTES", 2_000)


def differing(pattern, count=1_000):
    return b"".join(pattern.replace(b"#", b"%d" % n) for n in range(1_000, 1_000 + count))


@pytest.mark.parametrize(
    ("inner", "line", "cause"),
    [
        (b"\n<foo>x</foo><!--" + b"<a/>" * 50_000 + b"-->", 2, AFTER_FOO),
        (b"<foo a='" + b"x" * 200_000 + b"'/>", 1, AFTER_ROOT),
        (b"<foo" + differing(b" a#=''", 20_000) + b"/>", None, TOO_MANY_NAMES),
        (ORDER + b"\n\n<order>" + b"<a/>" * 50_000 + b"</order>", 3, TOO_LONG + "1,000 elements"),
        (b"<foo>\n<order>" + TEXT * 7 + b"</order></foo>", 2, TOO_LONG + "100,000 bytes"),
    ],
    ids=["a comment", "a tag", "a tag of names", "elements", "text"],
)
def test_what_has_no_end_is_refused_with_its_line(orders, refusal, inner, line, cause):
    assert refusal(orders, b"<orders>" + inner + b"</orders>") == (line, cause)


@pytest.mark.parametrize(
    "before", [b"<!-- -->" * 30_000, b"<!--" + b"<a/>" * 60_000 + b"-->", b"\n" * 200_000]
)
def test_a_prolog_without_end_is_refused(orders, refusal, monkeypatch, before):
    monkeypatch.setattr(prolog, "LONGEST_BYTES", 100_000)
    cause = "no element begins in its first 100,000 bytes"
    assert refusal(orders, before + b"<orders/>") == (None, cause)


NAMES = {
    "elements": b"<foo>" + differing(b"<n#/>") + b"</foo>",
    "plain orders": differing(b"<order><n#>1</n#></order>"),
    "attributes": differing(b"<order n#=''/>"),
    "namespaces": differing(b"<foo xmlns='n#'/>"),
}


@pytest.mark.parametrize("inner", NAMES.values(), ids=NAMES)
def test_too_many_names_are_refused(orders, refusal, monkeypatch, inner):
    monkeypatch.setattr(split_xml, "RUN_BYTES", 2_000)  # none of the runs has too many by itself
    line, cause = refusal(orders, b"<orders>" + inner + b"</orders>")
    assert line is None
    assert cause == "the names of its elements and attributes have more than 2,000 bytes"


def test_within_the_limits_all_is_read(orders):
    order = b"<order>" + TEXT * 2 + b"<a/>" * 900 + b"</order>"
    comment = b"<!--" + b"x" * 60_000 + b"-->"
    foos = b"<foo>" + b"<foo/>" * 5_000 + b"</foo>"
    records, unknown = orders(b"<orders>" + (order + comment + foos) * 5 + b"</orders>")
    assert len(records) == 5
    assert unknown == {"a": 5 * 902, "foo": 5}


def test_names_of_several_readings_add_up():
    names = whole_xml.Names()
    for first in (b"a", b"b", b"c"):
        inner = b"".join(b"<%s%d/>" % (first, n) for n in range(1_000, 1_100))
        list(whole_xml.records(io.BytesIO(b"<orders>" + inner + b"</orders>"), Counter(), names))
    with pytest.raises(whole_xml.LimitBroken, match="have more than 2,000 bytes"):
        names.note(b"d%d" % n for n in range(1_000, 1_101))


def test_names_of_readings_at_once_add_up(monkeypatch):
    monkeypatch.setattr(whole_xml, "NAMES_BYTES", 8 * 20_000 * 10)
    names = whole_xml.Names()

    def note(thread):
        for number in range(200):
            names.note(b"%02d%08d" % (thread, name) for name in range(100 * number, 100 * number + 100))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(note, range(8)))
    with pytest.raises(whole_xml.LimitBroken, match="have more than 1,600,000 bytes"):
        names.note([b"one more"])
