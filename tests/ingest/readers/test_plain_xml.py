"""Runs of orders taken apart by columns; that they are read alike by the whole parser: test_split_xml."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akasa.ingest.readers import ORDER_FIELDS, plain_xml

ONE = "<order>\n <order_id>O-1</order_id>\n <sku_id>S</sku_id>\n</order>"
TWICE = "<order><sku_id>1</sku_id><order_id>O</order_id><sku_id> 2\t</sku_id></order>"


def parse(run):
    return plain_xml.parse(run.encode(), ORDER_FIELDS)


@pytest.mark.parametrize(
    ("run", "count"),
    [
        (ONE, 1),
        (f"\n{ONE}\n\t{ONE}", 2),
        (f"{ONE}<order><total_amount>7</total_amount></order>{ONE}", 3),
        (ONE + TWICE * 2, 3),
        (f"<!-- a-b -->{ONE}<!----><!-- é ₹ -->{ONE.replace('<sku', '<!-- c --><sku')}", 2),
        (f"<order><gift></gift></order>{ONE}", 2),
        (ONE.replace("\n", "\r\n"), 1),
    ],
)
def test_the_usual_needs_no_whole_parser(run, count):
    assert parse(run).count == count


@pytest.mark.parametrize(
    "run",
    [
        "",
        "<order></order>",
        "<order><sku_id>1</sku_id>",
        "<sku_id>1</sku_id></order>",
        "<sku_id>1</sku_id><order_id>2</order_id>",
        ONE + "</order>",
        ONE + "</orders>",
        f"<page>{ONE}</page>",
        f"<order a='1'><sku_id>1</sku_id></order>{ONE}",
        f"<order><sku_id a='1'>1</sku_id></order>{ONE}",
        f"<order><b:sku_id>1</b:sku_id></order>{ONE}",
        f"<order><sku_id>1</order_id></order>{ONE}",
        f"<order><sku_id>1<b>2</b></sku_id></order>{ONE}",
        f"<order><sku_id>1</sku_id>x</order>{ONE}",
        f"<order><sku_id/></order>{ONE}",
        f"<order><sku_id>&amp;</sku_id></order>{ONE}",
        f"<order><sku_id>a>b</sku_id></order>{ONE}",
        f"<order><sku_id>a\rb</sku_id></order>{ONE}",
        f"<order><sku_id>a\x01b</sku_id></order>{ONE}",
        f"<order><sku_id>\ufffe</sku_id></order>{ONE}",
        f"<order><sku_id><![CDATA[a]]></sku_id></order>{ONE}",
        f"<order><sku_id>a<!-- -->b</sku_id></order>{ONE}",
        f"{ONE}<!-- </order> -->{ONE}",
        f"{ONE}<!-- -- -->{ONE}",
        f"{ONE}<?go?>{ONE}",
        "".join(f"<order><n{n}>1</n{n}></order>" for n in range(100)),
    ],
)
def test_what_is_not_plain_is_left_to_the_whole_parser(run):
    with pytest.raises(plain_xml.NotPlain):
        parse(run)


def test_other_bytes_than_utf_8_are_not_plain():
    with pytest.raises(plain_xml.NotPlain):
        plain_xml.parse(ONE.encode().replace(b"O-1", b"\xe9"), ORDER_FIELDS)


def test_orders_that_give_a_field_twice_are_handed_back():
    plain = parse(ONE + "\n" + TWICE)
    assert plain.repeating == {1: TWICE.encode()}
    assert plain.columns[ORDER_FIELDS.index("sku_id")].to_pylist() == ["S", None]
    assert plain.columns[ORDER_FIELDS.index("order_id")].to_pylist() == ["O-1", "O"]


@given(
    orders=st.lists(
        st.dictionaries(
            st.sampled_from([*ORDER_FIELDS, "gift"]),
            st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<>&\ufffe\uffff")),
            min_size=1,
        ),
        min_size=1,
    )
)
@settings(max_examples=50)
def test_plain_orders_are_taken_apart_by_columns(orders):
    plain = parse(
        "".join(
            f"<order>{''.join(f'<{name}>{text}</{name}>' for name, text in one.items())}</order>"
            for one in orders
        )
    )
    assert [column.to_pylist() for column in plain.columns] == [
        [one.get(field) for one in orders] for field in ORDER_FIELDS
    ]
    assert plain.unknown == Counter(name for one in orders for name in one if name == "gift")
    assert (plain.count, plain.repeating) == (len(orders), {})
