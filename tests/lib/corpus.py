"""Hostile and odd files, each with the outcome that it must have; all made by code.

An outcome is "refused: <how the cause begins>", or how many records there are and what became of them.
"""

import bz2
import gzip
import io
import lzma
import zipfile

HEADER = "customer_id,customer_name,mobile_number,region\n"
FIELDS = ("order_id", "mobile_number", "order_date_time", "sku_id", "sku_count", "total_amount")
LINE = ("O-1", "9876543210", "2025-10-12T09:15:32", "S-1", "1", "500")
LAUGHS = "".join(f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
ONE, TWO = "1 records: 1 accepted", "2 records: 2 accepted"


def csv(*rows, header=HEADER, newline="\n"):
    return (header + "".join(f"{row}\n" for row in rows)).replace("\n", newline).encode()


def people(count, first=0):
    return [f"{n},Name {n},9{n:09d},North" for n in range(first, first + count)]


def quoted(rows, opened, closed):
    """Rows with one quote before a name, and one behind another."""
    rows[opened] = rows[opened].replace("Name", '"Name')
    rows[closed] = rows[closed].replace(",9", '",9', 1)
    return csv(*rows)


def line(**fields):
    values = {**dict(zip(FIELDS, LINE, strict=True)), **fields}
    return "<order>" + "".join(f"<{name}>{text}</{name}>" for name, text in values.items()) + "</order>"


def xml(*inner, head="", tail=""):
    return f"{head}<orders>{''.join(inner)}</orders>{tail}".encode()


def zipped(content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("inside", content)
    return stream.getvalue()


def declared(encoding, *inner):
    return f'<?xml version="1.0" encoding="{encoding}"?><orders>{"".join(inner)}</orders>'


def customer(name="Asha", mobile="9876543210", customer_id="1", region="North"):
    return csv(f"{customer_id},{name},{mobile},{region}")


CUSTOMERS = {
    "nothing": (lambda: b"", "refused: the file is empty"),
    "a header": (lambda: HEADER.encode(), "0 records"),
    "a header without its newline": (lambda: HEADER.strip().encode(), "0 records"),
    "blank lines": (lambda: b"\n\r\n \n" * 9, "refused: the header lacks the column customer_id"),
    "empty rows of a spreadsheet": (lambda: csv(*[",,,"] * 1_000), "0 records"),
    "a hundred thousand commas": (lambda: csv("," * 100_000), "0 records"),
    "good rows": (lambda: csv(*people(2)), TWO),
    "CRLF": (lambda: csv(*people(2), newline="\r\n"), TWO),
    "a BOM": (lambda: b"\xef\xbb\xbf" + csv(*people(2)), TWO),
    "two BOMs": (
        lambda: b"\xef\xbb\xbf" * 2 + csv(*people(2)),
        "refused: the header lacks the column customer_id",
    ),
    "UTF-16": (lambda: csv(*people(2)).decode().encode("utf-16"), "refused: the file is in UTF-16"),
    "UTF-16 without a BOM": (
        lambda: csv(*people(2)).decode().encode("utf-16-be"),
        "refused: the file is in UTF-16",
    ),
    "UTF-32": (lambda: csv(*people(2)).decode().encode("utf-32"), "refused: the file is in UTF-32"),
    "Latin-1": (lambda: customer("Zo\xeb").decode().encode("latin-1"), "refused: not UTF-8 (byte 0xeb)"),
    "half a letter": (lambda: HEADER.encode() + "1,Zoë".encode()[:-1], "refused: not UTF-8 (byte 0xc3)"),
    "gzip": (lambda: gzip.compress(csv(*people(2))), "refused: the file is gzip-compressed"),
    "zip": (lambda: zipped(csv(*people(2))), "refused: the file is a zip archive"),
    "xz": (lambda: lzma.compress(csv(*people(2))), "refused: the file is xz-compressed"),
    "bzip2": (lambda: bz2.compress(csv(*people(2))), "refused: the file is bzip2-compressed"),
    "7z": (lambda: b"7z\xbc\xaf\x27\x1c\0\4" + b"\0" * 99, "refused: the file is a 7z archive"),
    "zstd": (lambda: b"\x28\xb5\x2f\xfd" + b"\0" * 99, "refused: the file is zstd-compressed"),
    "a PDF": (lambda: b"%PDF-1.7\n", "refused: the file is a PDF"),
    "an old workbook": (
        lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "refused: the file is an old Excel workbook",
    ),
    "Parquet": (lambda: b"PAR1" + b"\0" * 99, "refused: the file is a Parquet file"),
    "a web page": (lambda: b"<!DOCTYPE html>\n<html>", "refused: this is HTML or XML, not CSV"),
    "JSON": (lambda: b'[{"customer_id": 1}]', "refused: the header lacks the column customer_id"),
    "semicolons": (
        lambda: csv(*people(2)).replace(b",", b";"),
        "refused: the header lacks the column customer_id",
    ),
    "tabs": (
        lambda: csv(*people(2)).replace(b",", b"\t"),
        "refused: the header lacks the column customer_id",
    ),
    "sep=": (lambda: b"sep=,\n" + csv(*people(2)), "refused: the header lacks the column customer_id"),
    "Customer ID": (
        lambda: csv(*people(2), header=HEADER.replace("customer_id", "Customer ID")),
        "refused: the header lacks the column customer_id",
    ),
    "an invisible letter in the header": (
        lambda: csv(*people(2), header=HEADER.replace("region", "reg\u200bion")),
        "refused: the header lacks the column region; it has: "
        r"customer_id, customer_name, mobile_number, reg\u200bion",
    ),
    "a column twice": (
        lambda: csv(*people(2), header="region," + HEADER),
        "refused: the header repeats the column region",
    ),
    "columns in another order, and one more": (
        lambda: csv(
            "North,9876543210,gold,1,Asha", header="region,mobile_number,tier,customer_id,customer_name\n"
        ),
        ONE,
    ),
    "a row too short and one too long": (
        lambda: csv(*people(1), "x,y", "1,2,3,4,5"),
        "3 records: 1 accepted, 2 malformed_record",
    ),
    "a NUL": (lambda: customer("A\0B"), "1 records: 1 malformed_record"),
    "control characters": (
        lambda: csv(
            "1,A\x07,9876543210,N", "2,B,98765\x1b43210,N", "3\x7f,C,9876543212,N", "4,D,9876543213,N\x85E"
        ),
        "4 records: 1 accepted, 3 malformed_record",
    ),
    "a tab in an id": (lambda: customer(customer_id="1\t2"), "1 records: 1 malformed_record"),
    "a stray quote and another a thousand rows later": (
        lambda: quoted(people(3_000), 700, 1_700),
        "2000 records: 1999 accepted, 1 malformed_record; 1001 of 3000 lines rejected",
    ),
    "a stray quote and another three rows later": (
        lambda: quoted(people(9), 2, 5),
        "6 records: 5 accepted, 1 malformed_record; 4 of 9 lines rejected",
    ),
    "a stray quote and another in the next row": (
        lambda: quoted(people(9), 2, 3),
        "8 records: 7 accepted, 1 malformed_record; 2 of 9 lines rejected",
    ),
    "a quote never closed": (
        lambda: csv('1,"Asha,9876543210,North', *people(99)),
        "refused: the record that begins here has a quote that is never closed",
    ),
    "quotes inside of quotes, not doubled": (
        lambda: csv('1,"Asha "Ash" Rao",9876543210,N', *people(1)),
        "2 records: 1 accepted, 1 malformed_record",
    ),
    "a quote left open behind a faulty one": (
        lambda: csv('1,"a"b,"c', 'd",Eve,9123456781,West'),
        "refused: nobody can say where the record that begins here ends",
    ),
    "a name of two lines": (lambda: customer('"Asha\nRao"'), ONE),
    "a name of five lines": (
        lambda: customer('"A\nB\nC\nD\nE"'),
        "1 records: 1 malformed_record; 5 of 5 lines rejected",
    ),
    "a lone carriage return": (
        lambda: customer("A\rB"),
        "1 records: 1 malformed_record; 2 of 2 lines rejected",
    ),
    "lines that end with a carriage return": (
        lambda: csv(*people(9), newline="\r"),
        "refused: the header cannot be read: a carriage return outside quotes",
    ),
    "a field of 200,000 letters": (
        lambda: customer("x" * 200_000),
        "refused: a field is longer than 131,072",
    ),
    "a record of 3 MB": (
        lambda: customer("x," * 1_500_000),
        "refused: the record that begins here is longer",
    ),
    "a name of 300 letters": (lambda: customer("x" * 300), "1 records: 1 malformed_record"),
    "formulas for names": (
        lambda: csv("1,=cmd|' /C calc'!A0,9876543210,@SUM(1)", '2,"=HYPERLINK(""http://x"")",9876543211,+1'),
        TWO,
    ),
    "HTML for names": (
        lambda: customer("<script>alert(1)</script>", region="<img src=x onerror=alert(1)>"),
        ONE,
    ),
    "LaTeX for names": (lambda: customer(r"$\frac$", region="$x$"), ONE),
    "Markdown for names": (lambda: customer("**b** [x](javascript:alert(1))", region="# h"), ONE),
    "SQL for names": (lambda: customer("'; drop table customers; --"), ONE),
    "emoji and bidi marks": (lambda: customer("👩\u200d👩 \u202eAsha\u202c"), ONE),
    "Malayalam with a joiner": (lambda: customer("അവന്\u200dറെ"), ONE),
    "an id of zero-width spaces": (
        lambda: customer(customer_id="\u200b"),
        "1 records: 1 missing_customer_id",
    ),
    "one id in three dresses": (
        lambda: csv("\ufeffC-1,A,9876543210,N", "C\u200b-1,A,9876543210,N", "\u00a0C-1\u2003,A,9876543210,N"),
        "3 records: 1 accepted, 2 repeats",
    ),
    "an id composed and not": (
        lambda: csv("Zo\u00eb,A,9876543210,N", "Zoe\u0308,A,9876543210,N"),
        "2 records: 1 accepted, 1 repeats",
    ),
    "mobile numbers as people write them": (
        lambda: csv("1,A,+91 (0) 98765 43210,N", "2,B,tel:+91-98765-43211,N", "3,C,0091 98765.43212,N"),
        "3 records: 3 accepted",
    ),
    "mobile numbers as a spreadsheet leaves them": (
        lambda: csv("1,A,9.87654E+09,N", "2,B,9876543210.0,N", "3,C,９８７６５４３２１０,N"),
        "3 records: 3 invalid_mobile_number",
    ),
    "one id with two names": (
        lambda: csv("1,A,9876543210,N", "1,B,9876543210,N"),
        "2 records: 2 conflicting_customer",
    ),
    "one number of two": (
        lambda: csv("1,A,9876543210,N", "2,B,9876543210,N"),
        "2 records: 2 shared_mobile_number",
    ),
    "a row forty thousand times": (
        lambda: csv(*people(1) * 40_000),
        "40000 records: 1 accepted, 39999 repeats",
    ),
}

ORDERS = {
    "nothing": (lambda: b"", "refused: the file is empty"),
    "no orders": (lambda: b"<orders/>", "0 records"),
    "comments and no orders": (lambda: xml("<!-- <order/> -->\n"), "0 records"),
    "the daily feed": (lambda: xml(line(), line(sku_id="S-2")), TWO),
    "the simple export": (lambda: declared("UTF-8", line(order_id="1")).encode(), ONE),
    "a BOM": (lambda: b"\xef\xbb\xbf" + xml(line()), ONE),
    "two BOMs": (lambda: b"\xef\xbb\xbf" * 2 + xml(line()), "refused: it begins with two byte order marks"),
    "UTF-16": (lambda: declared("UTF-16", line()).encode("utf-16"), ONE),
    "UTF-16 that says UTF-8": (
        lambda: declared("UTF-8", line()).encode("utf-16"),
        "refused: it says that it is in UTF-8, but is in UTF-16",
    ),
    "UTF-8 that says UTF-16": (
        lambda: declared("UTF-16", line()).encode(),
        "refused: it says that it is in UTF-16, but is in UTF-8",
    ),
    "Windows-1252": (lambda: declared("windows-1252", line(total_amount="5€")).encode("cp1252"),
                     "1 records: 1 invalid_total_amount"),
    "Latin-1 that says nothing": (lambda: xml(line(sku_id="\xeb")).decode().encode("latin-1"),
                                  "refused: not well-formed XML: Invalid bytes"),
    "Shift JIS": (lambda: declared("Shift_JIS", line()).encode(),
    "refused: the encoding Shift_JIS is not known"),
    "UTF-7": (lambda: declared("UTF-7", line()).encode("utf-7"), "refused: "),
    "UTF-32": (lambda: declared("UTF-32", line()).encode("utf-32"), "refused: the file is in UTF-32"),
    "EBCDIC": (lambda: declared("cp037", line()).encode("cp037"), "refused: not well-formed XML"),
    "a DOCTYPE": (lambda: xml(line(), head="<!DOCTYPE orders>"), "refused: it has a DOCTYPE"),
    "a malformed entity": (
        lambda: b'<!DOCTYPE a [<!ENTITY e "<b>">]><orders>&e;</orders>',
        "refused: it has a DOCTYPE",
    ),
    "a billion laughs": (
        lambda: xml("&i;", head=f"<!DOCTYPE o [<!ENTITY a 'ha'>{LAUGHS}]>"),
        "refused: it has a DOCTYPE",
    ),
    "an entity that is a file": (
        lambda: xml("&e;", head="<!DOCTYPE o [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"),
        "refused: it has a DOCTYPE",
    ),
    "a DTD of another machine": (
        lambda: xml(line(), head="<!DOCTYPE orders SYSTEM 'http://192.0.2.1/orders.dtd'>"),
        "refused: it has a DOCTYPE",
    ),
    "parameter entities": (
        lambda: xml(head="<!DOCTYPE o [<!ENTITY % p SYSTEM 'http://192.0.2.1/p'>%p;]>"),
        "refused: it has a DOCTYPE",
    ),
    "XInclude": (
        lambda: xml(line(), '<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>'),
        ONE,
    ),
    "a schema of another machine": (
        lambda: b'<orders xmlns:i="http://www.w3.org/2001/XMLSchema-instance" '
        b'i:noNamespaceSchemaLocation="http://192.0.2.1/o.xsd">' + line().encode() + b"</orders>",
        ONE,
    ),
    "a stylesheet": (lambda: xml(line(), head='<?xml-stylesheet href="http://192.0.2.1/o.xsl"?>'), ONE),
    "XML 1.1": (lambda: b'<?xml version="1.1"?>' + xml(line()), ONE),
    "gzip": (lambda: gzip.compress(xml(line())), "refused: the file is gzip-compressed"),
    "a web page": (lambda: b"<html><p>Try again<br></html>",
    "refused: the root element is <html>, not <orders>"),
    "a CSV": (lambda: csv(*people(2)), "refused: not well-formed XML: text stands before the first tag"),
    "JSON": (lambda: b'{"orders": []}', "refused: not well-formed XML: "),
    "another root": (lambda: line().encode(), "refused: the root element is <order>, not <orders>"),
    "a root of a long name": (lambda: f"<{'n' * 40_000}/>".encode(),
    f"refused: the root element is <{'n' * 59}…>"),
    "a namespace": (lambda: xml(line()).replace(b"<orders>", b"<orders xmlns='urn:o'>"), ONE),
    "a prefix that nothing binds": (
        lambda: xml(line().replace("order_id", "p:order_id")),
        "refused: not well-formed XML: Namespace prefix p on order_id is not defined",
    ),
    "such a prefix, and a warning behind it": (
        lambda: xml("<p:order/>", line(), "<?xmlx?>"),
        "refused: not well-formed XML: Namespace prefix p on order is not defined",
    ),
    "<Order> fifty times": (
        lambda: xml("<Order><order_id>1</order_id></Order>" * 50),
        "refused: it has not one <order>, but Order (50 times)",
    ),
    "text": (lambda: xml("1,2,3"), "refused: it has not one <order>, but text between elements"),
    "cut off": (lambda: xml(line(), line())[:-60], "refused: not well-formed XML: "),
    "tags that cross": (lambda: xml("<order><a></order></a>"),
    "refused: not well-formed XML: Opening and ending"),
    "an entity that nobody knows": (lambda: xml(line(sku_id="&nbsp;")),
    "refused: not well-formed XML: Entity 'nbsp'"),
    "a NUL": (lambda: xml(line(sku_id="\0")), "refused: not well-formed XML: "),
    "a control character": (lambda: xml(line(sku_id="a\x01")), "refused: not well-formed XML: "),
    "a control character that XML allows": (lambda: xml(line(sku_id="a\x80")),
    "1 records: 1 malformed_record"),
    "a letter that is none": (lambda: xml(line(sku_id="&#xFFFE;")), "refused: not well-formed XML: "),
    "]]> in a text": (lambda: xml(line(sku_id="a]]>")), "refused: not well-formed XML: "),
    "three hundred levels": (lambda: xml("<a>" * 300 + "</a>" * 300),
    "refused: not well-formed XML: Excessive depth"),
    "a text of 11 MB": (lambda: xml(line(sku_id="x" * 11_000_000)),
    "refused: not well-formed XML: Resource limit"),
    "a comment of 11 MB": (lambda: xml(f"<!--{'x' * 11_000_000}-->"), "refused: "),
    "a prolog of 11 MB": (lambda: xml(head="<!-- -->" * 1_400_000),
    "refused: no element begins in its first"),
    "an order of 120,000 elements": (
        lambda: xml("<order>" + "<a>1</a>" * 120_000 + "</order>"),
        "refused: the <order> that begins here is longer than 100,000 elements",
    ),
    "the same beside an &amp;": (
        lambda: xml(line(sku_id="&amp;"), "<order>" + "<a>1</a>" * 120_000 + "</order>"),
        "refused: the <order> that begins here is longer than 100,000 elements",
    ),
    "a hundred thousand names": (
        lambda: xml(*(f"<order><n{n}>1</n{n}></order>" for n in range(100_000))),
        "refused: the names of its elements and attributes have more than 300,000 bytes",
    ),
    "attributes without end": (
        lambda: xml("<order " + " ".join(f"a{n}=''" for n in range(50_000)) + "/>"),
        "refused: the names of its elements",
    ),
    "CDATA, references and comments in a field": (
        lambda: xml(line(order_id="<![CDATA[O]]>&#45;<!-- </order> -->1", sku_id="&lt;S&gt;")),
        ONE,
    ),
    "an order in an order": (lambda: xml(f"<order>{line()}</order>"), "1 records: 1 malformed_record"),
    "a field twice": (lambda: xml(line().replace("<sku_id>", "<sku_id/><sku_id>")),
    "1 records: 1 malformed_record"),
    "an element in a field": (lambda: xml(line(sku_id="<b>S</b>")), "1 records: 1 malformed_record"),
    "a wrapper": (lambda: xml(f"<page>{line()}</page>"), "1 records: 1 malformed_record"),
    "unknown elements and attributes": (lambda: xml(line(gift="1").replace("<order>", "<order a='1'>")), ONE),
    "an empty order": (
        lambda: xml("<order/>"),
        "1 records: 1 missing_mobile_number missing_order_date_time missing_order_id missing_sku_count "
        "missing_sku_id missing_total_amount",
    ),
    "an id in three dresses": (
        lambda: xml(line(order_id="\ufeffO-1"), line(order_id="O\u200b-1", sku_id="S-2"),
          line(order_id="O-1\u200e")),
        "3 records: 2 accepted, 1 repeats",
    ),
    "amounts as shops write them": (
        lambda: xml(*(line(order_id=n, total_amount=text) for n, text in enumerate(
            ("Rs 500/-", "₹1,00,000/-", "Re. 1", "INR 7,450.00", "500")))),
        "5 records: 5 accepted",
    ),
    "amounts that nobody writes": (
        lambda: xml(*(line(order_id=n, total_amount=text) for n, text in enumerate(
            ("0,000", "-5", "1e3", "NaN", "1.234", "5/-/-", "१००")))),
        "7 records: 7 invalid_total_amount",
    ),
    "times that are certain": (
        lambda: xml(*(line(order_id=n, order_date_time=text) for n, text in enumerate(
            ("2025-10-12 09:15:32 +0530", "2025-10-12T03:45:32.12345678901Z", "12-Oct-2025",
              "12/10/2025 09:15")))),
        "4 records: 4 accepted",
    ),
    "times that would have to be guessed": (
        lambda: xml(*(line(order_id=n, order_date_time=text) for n, text in enumerate(
            ("10/31/2025", "12-10-25", "12-Oct-25", "12-10-2025 09:15 PM", "2025-02-29", "45942",
              "yesterday")))),
        "7 records: 7 invalid_order_date_time",
    ),
    "the year 2999": (lambda: xml(line(order_date_time="2999-01-01")), "1 records: 1 future_order"),
    "an order with two totals": (
        lambda: xml(line(), line(sku_id="S-2", total_amount="1")),
        "2 records: 2 conflicting_order",
    ),
    "a SKU with two counts": (lambda: xml(line(), line(sku_count="2")), "2 records: 2 conflicting_sku"),
    "a good line beside a bad one": (
        lambda: xml(line(), line(sku_id="S-2", sku_count="0")),
        "2 records: 1 invalid_sku_count, 1 order_rejected",
    ),
    "a line twenty thousand times": (lambda: xml(line() * 20_000),
    "20000 records: 1 accepted, 19999 repeats"),
    "twenty thousand orders in wrappers": (
        lambda: xml(f"<p>{line()}</p>" * 20_000),
        "20000 records: 20000 malformed_record",
    ),
}  # fmt: skip
FILES = {
    **{f"customers.csv: {name}": file for name, file in CUSTOMERS.items()},
    **{f"orders.xml: {name}": file for name, file in ORDERS.items()},
}
