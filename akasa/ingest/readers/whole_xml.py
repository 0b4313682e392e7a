"""Read an orders XML with the whole parser, block by block, in memory that does not grow with the file.

After each block all that has ended is dropped, whatever it is. What could grow all the same is limited:
one `<order>`, and what comes without any element (the parser waits for the end of a comment or a tag), to
LONGEST_BYTES and MOST_ELEMENTS; the names that differ (the parser keeps them all) to NAMES_BYTES.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from threading import Lock
from typing import IO, Any

from lxml import etree

from akasa.ingest.readers.records import ORDER_FIELDS, Record, shown

BLOCK_BYTES = 32_768
LONGEST_BYTES = 10_000_000  # the parser's own limit for one text
MOST_ELEMENTS = 100_000  # in one `<order>`: each takes a hundred bytes and more
NAMES_BYTES = 300_000
LONGEST_TAG_BYTES = 32_768  # that is looked at in one piece
# Never `huge_tree`: without it the parser itself limits depth, entities and the length of one text. Entities
# are `internal`, as False would turn `&x;` into nothing, silently. No ids: the parser would keep them all.
# Comments are left out, so that the text on their two sides is one text.
_PARSER = {
    "resolve_entities": "internal",
    "no_network": True,
    "load_dtd": False,
    "collect_ids": False,
    "remove_comments": True,
    "remove_pis": True,
}
_TAG = re.compile(rb"<([^<>!?/][^<>]*)>")
_NAME = re.compile(rb"""^[^\s/]+|\s(?:xmlns[^\s=]*\s*=\s*(?:"[^"]*"|'[^']*')|[^\s=]+(?=\s*=\s*["']))""")
_OURS = frozenset(name.encode() for name in ("orders", "order", *ORDER_FIELDS))
_Passed = dict[Any, Counter[str]]


class LimitBroken(Exception):
    """What a file holds too much of: `line` (None where it has none) and `cause`."""

    def __init__(self, line: int | None, cause: str) -> None:
        self.line, self.cause = line, cause
        super().__init__(cause)


class Names:
    """The names of elements and attributes that differ in a file, noted by several threads at a time."""

    def __init__(self) -> None:
        self._noted, self._bytes, self._lock = set(_OURS), 0, Lock()

    def note(self, found: Iterable[bytes]) -> None:
        """Add names. Raises LimitBroken where they are too many."""
        with self._lock:
            new = set(found) - self._noted
            self._noted |= new
            self._bytes += sum(map(len, new))
            if self._bytes > NAMES_BYTES:
                cause = f"the names of its elements and attributes have more than {NAMES_BYTES:,} bytes"
                raise LimitBroken(None, cause)


def records(
    stream: IO[bytes], unknown: Counter[str], names: Names, fields: tuple[str, ...] = ORDER_FIELDS
) -> Iterator[Record]:
    """Yield each `<order>`: its ordinal, its fields as text, its fault and, where it has one, its own XML.

    What is not among `fields` is counted in `unknown`; `names` takes those that differ in the file.
    Raises etree.XMLSyntaxError and LimitBroken.
    """
    ordinal, holds_order = 0, False
    passed: _Passed = {}
    for root, events in _blocks(stream, names, tag=("{*}orders", "{*}order")):
        for event, element in events:
            # Starts are asked for only so that `_blocks` gets hold of the root as it begins.
            if event == "start" or element.tag.endswith("orders"):
                continue
            parent = element.getparent()
            fault = "holds another <order>" if holds_order else None
            if parent is not root:
                # An inner one ends first; it is no record, but a fault of the outermost one, still to come.
                if next(element.iterancestors("{*}order"), None) is not None:
                    holds_order = True
                    continue
                fault = f"stands inside <{shown(local(parent))}>, not directly below <orders>"
                unknown.update(passed.pop(parent, ()))
                _drop_children(parent, parent.index(element), unknown)
            ordinal, holds_order = ordinal + 1, False
            if len(element) and _elements(element) > MOST_ELEMENTS:
                raise _too_long(element, f"{MOST_ELEMENTS:,} elements")
            yield (ordinal, *_fields(element, unknown, fault, fields))
            # Emptied only: the parser may still hang the text behind it on it.
            element.clear(keep_tail=True)
        passed = _drop_ended(root, passed, unknown)
    _count_stray_text(root.text, unknown)
    _drop_children(root, len(root), unknown)


def _blocks(stream: IO[bytes], names: Names, tag: Any = None) -> Iterator[tuple[Any, Iterator[Any]]]:
    """Yield the root and the events of `tag`, one of them the root's, after each block since the root began.

    A fault is raised after the events before it.
    """
    parser = etree.XMLPullParser(("start", "end"), tag=tag, **_PARSER)
    events = parser.read_events()
    growth = _Growth(names)
    root = None
    for block in _read_blocks(stream):
        fault = _feed(parser, block)
        if root is None:
            _, root = next(events, (None, None))
        if root is not None:
            yield root, events
        if fault is not None:
            raise fault
        growth.check(root, block)


def _read_blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the blocks of a stream, and an empty one for its end."""
    yield from iter(partial(stream.read, BLOCK_BYTES), b"")
    yield b""


def _feed(parser: Any, block: bytes) -> etree.XMLSyntaxError | None:
    """Feed a block, and return the first fault so far.

    lxml raises what is wrong with a namespace only where no other message, be it a warning, comes after it;
    and it gives the text of the first message, which may be such a warning. The log has them all.
    """
    fault = None
    try:
        parser.feed(block) if block else parser.close()
    except etree.XMLSyntaxError as error:
        fault = error
    wrong = (one for one in parser.feed_error_log if one.level >= etree.ErrorLevels.ERROR)
    first = next(wrong, None)
    if first is None:
        return fault
    return etree.XMLSyntaxError(first.message, first.type, first.line, first.column)


class _Growth:
    """Hold to its limits what grows although all that has ended is dropped. Checks raise LimitBroken."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.tag = b""  # what the block before had of a tag that ends in this one
        self.newest: Any = None
        self.bytes_since = 0  # in whole blocks after the one in which `newest` began

    def check(self, root: Any, block: bytes) -> None:
        """Check what the parser holds after a block; `root` is None until it begins."""
        self._check_newest(_newest(root), len(block))
        text = self.tag + block.replace(b"\0", b"")  # UTF-16 has one in each letter
        self.names.note(_names(text))
        self.tag = _open_tag(text)
        if len(self.tag) > LONGEST_TAG_BYTES:
            if b"=" in self.tag:
                self.names.note(_NAME.findall(self.tag, 1))
            # From behind a space on, so that no name begins in its middle.
            self.tag = b"<order " + self.tag[-1_000:].partition(b" ")[2]

    def _check_newest(self, newest: Any, block_bytes: int) -> None:
        # A new one began in this block; what stood before it is dropped by whoever reads the events.
        if newest is not self.newest:
            self.newest, self.bytes_since = newest, 0
            return
        self.bytes_since += block_bytes
        if self.bytes_since > LONGEST_BYTES:
            raise _too_long(newest, f"{LONGEST_BYTES:,} bytes")
        if newest is not None and _elements(newest) > MOST_ELEMENTS:
            raise _too_long(newest, f"{MOST_ELEMENTS:,} elements")


def _newest(root: Any) -> Any:
    """Return the element that began last, or the `<order>` that it is in."""
    element = root
    while element is not None and len(element) and local(element) != "order":
        element = element[-1]
    return element


def _too_long(newest: Any, what: str) -> LimitBroken:
    if newest is None:
        return LimitBroken(None, f"no element begins in its first {what}")
    if len(newest):
        return LimitBroken(newest.sourceline, f"the <order> that begins here is longer than {what}")
    return LimitBroken(newest.sourceline, f"no element begins in {what} after <{shown(local(newest))}>")


def _elements(element: Any) -> int:
    """Count an element and all that are in it."""
    return sum(1 for _ in element.iter())


def _names(text: bytes) -> set[bytes]:
    """Return the names of elements and attributes, and the namespaces, in tags that the text has in full."""
    return {name for tag in set(_TAG.findall(text)) for name in _NAME.findall(tag)}


def _open_tag(text: bytes) -> bytes:
    """Return the tag that the text breaks off in."""
    start = text.rfind(b"<")
    return b"" if start < 0 or text.find(b">", start) >= 0 else text[start:]


def _drop_ended(root: Any, passed: _Passed, unknown: Counter[str]) -> _Passed:
    """Drop what open elements hold, but for the last child of each: it may be open, or get text after it.

    What is not ours in an element below the root counts once an `<order>` follows there: till then it stands
    in `passed`, which is returned for the elements that are open now.
    """
    found, element = {root: unknown}, root
    while len(element) and local(element) != "order":
        counts = found.setdefault(element, passed.get(element, Counter()))
        if element is root:
            _count_stray_text(root.text, unknown)
        element.text = None
        element.attrib.clear()
        _drop_children(element, len(element) - 1, counts)
        element = element[0]  # the last child, which alone is left
    return found


def _drop_children(element: Any, count: int, unknown: Counter[str]) -> None:
    for child in element[:count]:
        _count_stray_text(child.tail, unknown)
        if local(child) != "order":
            unknown[local(child)] += 1
    del element[:count]


def _fields(element: Any, unknown: Counter[str], fault: str | None, fields: tuple[str, ...]) -> Record:
    """Return the fields of an `<order>`, its fault and, where it has one, its own XML."""
    values: dict[str, str | None] = {}
    _count_stray_text(element.text, unknown)
    for child in element:
        name = local(child)
        _count_stray_text(child.tail, unknown)
        if name not in fields:
            unknown[name] += 1
            continue
        for attribute, _ in child.items():
            unknown[f"{name}/@{attribute}"] += 1
        if name in values:
            fault = f"gives {name} twice"
        elif len(child):
            fault = f"has elements inside {name}"
        values[name] = _once(name, values, None if len(child) else child.text or "")
    for attribute, _ in element.items():
        unknown[f"@{attribute}"] += 1
    raw = etree.tostring(element, encoding="unicode", with_tail=False) if fault else None
    return (*(values.get(field) for field in fields), fault, raw)


def _once(name: str, values: Mapping[str, str | None], text: str | None) -> str | None:
    """Return a field's text; None where it was given before. An order_id given twice alike is still known.

    For then its order is known, and is turned away with this line.
    """
    if name not in values:
        return text
    before = values[name]
    alike = name == "order_id" and before is not None and text is not None and before.strip() == text.strip()
    return before if alike else None


def _count_stray_text(text: str | None, unknown: Counter[str]) -> None:
    if text and not text.isspace():
        unknown["text between elements"] += 1


def local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]
