"""Records of a delivered file as they stand in it: which one, on which line, its own text, its fields.

Read by the standard library alone, and apart from the readers of the road: what these made of a file is to be
proved, not repeated.
"""

import codecs
import csv
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from xml.parsers import expat

_CHUNK, WINDOW, _TAG = 1_048_576, 16_777_216, 1_024
_BEGIN, _END = b"<order>", b"</order>"
_DECLARED = re.compile(rb"""^(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_FIELD = re.compile(r"<(?:[\w.-]+:)?([\w.-]+)\s*>([^<]*)</")
_BYTE_ORDER = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
Fields = Mapping[str, str | None]


class Record(NamedTuple):
    """A record: its number in the delivery, the line of the file it begins on, its text, and its fields.

    `line` is None where it was read from staging, which does not keep lines; `raw` are its fields then.
    """

    record: int
    line: int | None
    raw: str
    fields: Fields


class Content:
    """A file's bytes, of which parts are read as they are asked for. (A map of them counts as memory.)"""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._size = stream, stream.seek(0, 2)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self._size)
        self._stream.seek(start)
        return self._stream.read(max(0, stop - start))

    def find(self, mark: bytes, start: int) -> int:
        """Return where a mark stands, from some place on; -1: nowhere."""
        for at in range(start, self._size, _TAG):
            found = self[at : at + _TAG + len(mark)].find(mark)
            if found >= 0:
                return at + found
        return -1


class Span(NamedTuple):
    """Where an `<order>` stands in its file's bytes."""

    record: int
    begin: int
    end: int


def of_file(path: Path, kind: str, wanted: Collection[int] | None = None) -> Iterator[Record]:
    """Yield a delivered file's records in their order: those of some numbers, or all."""
    return of_csv(path, wanted) if kind == "customers" else of_xml(path, wanted)


def of_csv(path: Path, wanted: Collection[int] | None = None) -> Iterator[Record]:
    """Yield the records of a customers CSV: rows with text; one of another shape has no fields."""
    numbers, header, taken = count(1), None, list[str]()
    last = max(wanted, default=0) if wanted is not None else None
    with path.open(encoding="utf-8-sig", newline="\n") as stream:
        reader = csv.reader(_noted(stream, taken), strict=True)
        while True:
            line = reader.line_num + 1
            taken.clear()
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error:
                row = None
            if row is not None and not "".join(row).strip():
                continue
            if header is None:
                header = [name.strip() for name in row or ()]
                continue
            record = next(numbers)
            if wanted is None or record in wanted:
                is_whole = row is not None and len(row) == len(header)
                fields = dict(zip(header, row, strict=True)) if is_whole and row else {}
                yield Record(record, line, "".join(taken).rstrip("\r\n"), fields)
            if record == last:
                return


def of_xml(path: Path, wanted: Collection[int] | None = None) -> Iterator[Record]:
    """Yield the outermost `<order>` elements of an orders XML."""
    with path.open("rb") as stream:
        data = Content(stream)
        encoding = _encoding(data)
        line, at = 1, 0
        for span in _spans(data):
            if wanted is not None and span.record not in wanted:
                continue
            line, at = line + _line_ends(data, at, span.begin, encoding), span.begin
            raw = data[span.begin : span.end].decode(encoding)
            yield Record(span.record, line, raw, fields_of(raw))


def fields_of(raw: str) -> dict[str, str | None]:
    """Return the texts of an `<order>`'s own elements, by their local names; none for one given twice."""
    is_plain = not any(mark in raw for mark in "&!?='\"")
    found = _FIELD.findall(raw) if is_plain else _parsed(raw)
    fields: dict[str, str | None] = {}
    for name, text in found:
        fields[name] = None if name in fields else text
    return fields


def _noted(stream: Any, taken: list[str]) -> Iterator[str]:
    for line in stream:
        taken.append(line)
        yield line


def _encoding(data: Content) -> str:
    head = data[:1_000]
    if head.startswith(_BYTE_ORDER) or b"\0" in head[:4]:
        has_mark = head.startswith(_BYTE_ORDER)
        little = head.startswith(codecs.BOM_UTF16_LE) if has_mark else head[1] == 0
        return "utf-16-le" if little else "utf-16-be"
    declared = _DECLARED.match(head)
    return declared[1].decode() if declared else "utf-8"


def _line_ends(data: Content, begin: int, end: int, encoding: str) -> int:
    """Count the line ends between two places, a piece at a time."""
    if encoding.startswith("utf-16"):
        return data[begin:end].decode(encoding).count("\n")
    return sum(data[at : min(at + _CHUNK, end)].count(b"\n") for at in range(begin, end, _CHUNK))


def _spans(data: Content) -> Iterator[Span]:
    """Yield where the outermost `<order>` elements stand."""
    return _plain_spans(data) if _is_plain(data) else _parsed_spans(data)


def _is_plain(data: Content) -> bool:
    """Say whether every `<order>` in the text is a tag of that spelling, as nothing there could hide one."""
    root = re.search(rb"<orders[^<>]*>", data[:_CHUNK])
    if not root or b"\0" in data[:4] or data[:2] in _BYTE_ORDER:
        return False
    hiding = (b"<?", b"=", b"<order/", b"order ", b"order\n")
    windows = (data[at : at + WINDOW + 8] for at in range(root.end(), len(data), WINDOW))
    return not any(_hides(window) or any(one in window for one in hiding) for window in windows)


def _hides(window: bytes) -> bool:
    """Say whether there is a comment or CDATA with an order's tag in it, or one that goes on behind."""
    begin = -1
    while (begin := window.find(b"<!", begin + 1)) >= 0:
        end = window.find(b"-->", begin)
        if end < 0 or not window.startswith(b"<!--", begin) or b"order>" in window[begin:end]:
            return True
    return False


def _plain_spans(data: Content) -> Iterator[Span]:
    """Yield them a window at a time, for only of bytes is `find` fast."""
    numbers, at = count(1), 0
    while at < len(data):
        window = data[at : at + WINDOW]
        cut = len(window) if at + WINDOW >= len(data) else _between_orders(window)
        for begin, end in _in_window(window[:cut]):
            yield Span(next(numbers), at + begin, at + end)
        at += cut


def _between_orders(window: bytes) -> int:
    """Return where the last order begins that follows upon another one's end."""
    begin = len(window)
    while (begin := window.rfind(_BEGIN, 0, begin)) > 0:
        if window[max(0, begin - _CHUNK) : begin].rstrip().endswith(_END):
            return begin
    return len(window)


def _in_window(window: bytes) -> Iterator[tuple[int, int]]:
    begin = window.find(_BEGIN)
    while begin >= 0:
        depth, following, end = 1, window.find(_BEGIN, begin + 1), begin
        while depth:
            end = window.find(_END, end) + len(_END)
            depth -= 1
            while 0 <= following < end:  # one in the other, which is a fault of the outer one
                depth, following = depth + 1, window.find(_BEGIN, following + 1)
        yield begin, end
        begin = following


def _parsed_spans(data: Content) -> Iterator[Span]:
    """Yield the same by a parser that knows what is a tag."""
    parser, found, numbers = expat.ParserCreate(), list[Span](), count(1)
    depth = begin = 0
    opening, closing = (mark.encode(_encoding(data)) for mark in ("</", ">"))

    def started(name: str, _: Any) -> None:
        nonlocal depth, begin
        if depth or name.rpartition(":")[2] == "order":
            begin = begin if depth else parser.CurrentByteIndex
            depth += 1

    def ended(_: str) -> None:
        nonlocal depth
        if depth:
            depth -= 1
            if not depth:
                end = parser.CurrentByteIndex
                if data[end : end + len(opening)] == opening:  # else it was <order/>, which has ended here
                    end = data.find(closing, end) + len(closing)
                found.append(Span(next(numbers), begin, end))

    parser.StartElementHandler, parser.EndElementHandler = started, ended
    for at in range(0, len(data), _CHUNK):
        parser.Parse(data[at : at + _CHUNK], at + _CHUNK >= len(data))
        yield from found
        found.clear()


def _parsed(raw: str) -> list[tuple[str, str]]:
    """Return the names and texts of the elements directly below the outermost one."""
    parser, found, texts = expat.ParserCreate(), list[tuple[str, str]](), list[str]()
    depth = 0

    def started(_: str, __: Any) -> None:
        nonlocal depth
        depth += 1
        texts.clear()

    def ended(name: str) -> None:
        nonlocal depth
        depth -= 1
        if depth == 1:
            found.append((name.rpartition(":")[2], "".join(texts)))

    parser.StartElementHandler, parser.EndElementHandler = started, ended
    parser.CharacterDataHandler = texts.append
    parser.Parse(raw, True)
    return found
