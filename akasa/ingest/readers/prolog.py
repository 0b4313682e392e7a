"""Judge what stands before the first order: a DOCTYPE, the encoding, and whether the root is `<orders>`.

By expat alone. lxml makes objects of what it finds in an entity, libxml2 frees them where the entity is
malformed, and what follows may crash, in a later file, too: so nothing reaches lxml before this.
"""

import re
from pathlib import Path
from typing import IO
from xml.parsers import expat

from akasa.ingest.readers.records import RefusedDelivery, shown

BLOCK_BYTES = 32_768
LONGEST_BYTES = 10_000_000
# Where each byte is a letter by itself, and the ASCII ones are the same to every parser: in any other, a tag
# of one parser is the text of another.
_KNOWN = re.compile(
    r"utf-?8|utf-16(?:le|be)?|(?:us-)?ascii|iso-8859-\d\d?|latin1|(?:windows-|cp)125\d",
    re.ASCII | re.IGNORECASE,
)
_DECLARED = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml\s[^>]*?encoding\s*=\s*["']([\w.-]{1,40})["']""")
_DOCTYPE = "it has a DOCTYPE, which is never accepted; deliver plain XML"
_NO_TABLE = "the encoding {} is not known here; save the file as UTF-8"
_WORDS = {  # by expat's own number of the fault
    expat.errors.codes[expat.errors.XML_ERROR_SYNTAX]: "text stands before the first tag",
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS]: "no element found",
    expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN]: "what stands before the first order is no XML",
}


class _Root(Exception):
    """The root has begun: all of the prolog was seen."""


def check(path: Path, stream: IO[bytes]) -> None:
    """Raise RefusedDelivery for what no order may follow; leave `stream` at 0.

    That is a DOCTYPE (entities could hide or multiply text), a root other than `<orders>`, an encoding that
    expat cannot read, and what is not well-formed up to the end of the root's start tag.
    """
    head = stream.read(BLOCK_BYTES)
    stream.seek(0)
    # expat does not know this name of UTF-8, which libxml2 knows.
    parser = expat.ParserCreate("UTF-8" if _declared(head).lower() == "utf8" else None, " ")

    def declaration(version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and not _KNOWN.fullmatch(encoding):
            raise RefusedDelivery(path.name, 1, _NO_TABLE.format(shown(encoding)))

    # The first token of a DOCTYPE comes before anything in it is looked at.
    def default(token: str) -> None:
        if token.startswith("<!") and not token.startswith("<!--"):
            raise RefusedDelivery(path.name, parser.CurrentLineNumber, _DOCTYPE)

    def start(name: str, attributes: object) -> None:
        local = name.rpartition(" ")[2]
        if local != "orders":
            cause = f"the root element is <{shown(local)}>, not <orders>"
            raise RefusedDelivery(path.name, parser.CurrentLineNumber, cause)
        raise _Root

    parser.XmlDeclHandler, parser.DefaultHandler, parser.StartElementHandler = declaration, default, start
    try:
        _parse(path, stream, parser)
    except _Root:
        stream.seek(0)
    except expat.ExpatError as error:
        raise RefusedDelivery(path.name, error.lineno, _cause(error, head)) from None
    except LookupError:  # of that name, but of a number that there is not
        raise RefusedDelivery(path.name, 1, _NO_TABLE.format(_declared(head))) from None


def _parse(path: Path, stream: IO[bytes], parser: expat.XMLParserType) -> None:
    done = 0
    while block := stream.read(BLOCK_BYTES):
        parser.Parse(block)
        done += len(block)
        if done > LONGEST_BYTES:
            cause = f"no element begins in its first {LONGEST_BYTES:,} bytes"
            raise RefusedDelivery(path.name, None, cause)
    parser.Parse(b"", True)


def _cause(error: expat.ExpatError, head: bytes) -> str:
    """Say what is wrong in words that tell what to do, where that is known."""
    declared = _declared(head)
    if error.code == expat.errors.codes[expat.errors.XML_ERROR_INCORRECT_ENCODING]:
        written = "UTF-16" if b"\0" in head[:4] or head[:2] in (b"\xff\xfe", b"\xfe\xff") else "UTF-8"
        return (
            f"it says that it is in {declared}, but is in {written}; save it as UTF-8, or mend what it says"
        )
    if error.code == expat.errors.codes[expat.errors.XML_ERROR_UNKNOWN_ENCODING]:
        return _NO_TABLE.format(declared)
    if head.startswith(b"\xef\xbb\xbf\xef\xbb\xbf"):
        return "it begins with two byte order marks; save it as UTF-8 with one or none"
    what = _WORDS.get(error.code) or expat.ErrorString(error.code)
    return f"not well-formed XML: {what}"


def _declared(head: bytes) -> str:
    """Return the encoding that the XML declaration names, as far as it can be read."""
    found = _DECLARED.match(head.replace(b"\0", b"").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff"))
    return found[1].decode("ascii", "replace") if found else ""
