"""Read an orders XML with the whole parser, one `<order>` after the other."""

from collections import Counter
from collections.abc import Iterator
from typing import IO, Any

from lxml import etree

FIELDS = ("order_id", "mobile_number", "order_date_time", "sku_id", "sku_count", "total_amount")
PARSER = {"resolve_entities": "internal", "no_network": True, "load_dtd": False}
Record = tuple[Any, ...]


def records(stream: IO[bytes], unknown: Counter[str]) -> Iterator[Record]:
    """Yield each `<order>`: its ordinal, its FIELDS as text, its fault, and its own XML where it has one.

    Raises etree.XMLSyntaxError.
    """
    context = etree.iterparse(
        stream, events=("end",), tag="{*}order", remove_comments=True, remove_pis=True, **PARSER
    )
    ordinal, holds_order = 0, False
    for _, element in context:
        parent = element.getparent()
        fault = "holds another <order>" if holds_order else None
        if parent.getparent() is not None:
            if next(element.iterancestors("{*}order"), None) is not None:
                holds_order = True
                continue
            fault = f"stands inside <{local(parent)}>, not directly below <orders>"
        ordinal, holds_order = ordinal + 1, False
        yield (ordinal, *_fields(element, unknown, fault))
        element.clear(keep_tail=True)
        _drop_before(element, parent, unknown)
    _count_stray_text(context.root.text, unknown)
    for child in context.root:
        _count_sibling(child, unknown)


def _drop_before(element: Any, parent: Any, unknown: Counter[str]) -> None:
    while element.getprevious() is not None:
        _count_sibling(parent[0], unknown)
        del parent[0]


def _count_sibling(element: Any, unknown: Counter[str]) -> None:
    _count_stray_text(element.tail, unknown)
    if local(element) != "order":
        unknown[local(element)] += 1


def _fields(element: Any, unknown: Counter[str], fault: str | None) -> Record:
    """Return the six fields of an `<order>`, its fault and, where it has one, its own XML."""
    values: dict[str, str | None] = {}
    _count_stray_text(element.text, unknown)
    for child in element:
        name = local(child)
        _count_stray_text(child.tail, unknown)
        if name not in FIELDS:
            unknown[name] += 1
            continue
        for attribute, _ in child.items():
            unknown[f"{name}/@{attribute}"] += 1
        if name in values:
            fault = f"gives {name} twice"
        elif len(child):
            fault = f"has elements inside {name}"
        values[name] = None if name in values or len(child) else child.text or ""
    for attribute, _ in element.items():
        unknown[f"@{attribute}"] += 1
    raw = etree.tostring(element, encoding="unicode", with_tail=False) if fault else None
    return (*(values.get(field) for field in FIELDS), fault, raw)


def _count_stray_text(text: str | None, unknown: Counter[str]) -> None:
    if text and not text.isspace():
        unknown["text between elements"] += 1


def local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]
