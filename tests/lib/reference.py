"""The slow, plain reading of docs/rules.md: deliveries in, published content and KPIs out.

Standard library only and one record at a time, so that it can be read beside the rules and believed.
It shares nothing with the `akasa` package, which tests hold against it.
"""

import csv
import io
import re
import unicodedata
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

CUSTOMER_FIELDS = ["customer_id", "customer_name", "mobile_number", "region"]
ORDER_FIELDS = ["order_id", "mobile_number", "order_date_time", "sku_id", "sku_count", "total_amount"]
LONGEST_FIELD = 255
INDIA = "Asia/Kolkata"

COLUMNS = {
    "repeat_customers": ["customer_id", "customer_name", "mobile_number", "region", "order_count"],
    "monthly_trends": ["year", "month", "order_count", "total_revenue"],
    "regional_revenue": ["region", "customer_count", "order_count", "total_revenue", "avg_order_value"],
    "top_spenders": [
        "customer_id",
        "customer_name",
        "mobile_number",
        "region",
        "order_count",
        "total_spent",
        "avg_order_value",
        "last_order_date",
    ],
}
MONEY = {"total_revenue", "avg_order_value", "total_spent"}


class RefusedError(ValueError):
    """A delivery that is refused as a whole."""


# docs/rules.md: Accepted forms.
# One text field in, its clean value out, None where it is missing or of no accepted form.


def is_missing(text):
    return text is None or visible(text).strip() == ""


def visible(text, with_joiners=False):
    """The text without what Unicode calls format characters; ZWJ and ZWNJ may stay between two letters."""
    kept = [c for c in text or "" if not is_format(c) or (with_joiners and is_joiner(c))]
    seen = "".join(kept)
    return "".join(c for n, c in enumerate(seen) if not is_joiner(c) or _joins(seen[max(n - 1, 0) : n + 2]))


def is_format(character):
    """Unicode 15 has a few more that write Egyptian than Python 3.11 knows."""
    return unicodedata.category(character) == "Cf" or "\U00013430" <= character <= "\U0001343f"


def is_joiner(character):
    return character in ("\N{ZERO WIDTH JOINER}", "\N{ZERO WIDTH NON-JOINER}")


def _joins(three):
    """Whether the one in the middle has a letter (or a sign of one) on both sides."""
    return len(three) == 3 and all(unicodedata.category(c)[0] in ("L", "M") for c in three[::2])


def has_control(text):
    """A control character that is no kind of space."""
    return any(unicodedata.category(c) == "Cc" and not c.isspace() for c in text or "")


def clean_id(text):
    return None if is_missing(text) else unicodedata.normalize("NFC", visible(text)).strip()


def clean_mobile(text):
    """Ten digits that start with 6-9, as text."""
    dropped = "".join(c for c in visible(text) if not _is_mobile_filler(c))
    if dropped[:4].lower() == "tel:":
        dropped = dropped[4:]
    match = re.fullmatch(r"(?:|0|\+91|\+910|0091|00910|91|910)([6-9][0-9]{9})", dropped)
    return match[1] if match else None


def _is_mobile_filler(character):
    is_dash = unicodedata.category(character) == "Pd" or character == "\N{MINUS SIGN}"
    return character.isspace() or is_dash or character in ".()[]{}"


def clean_amount(text):
    """Paise, as an int."""
    number = _without_currency(visible(text).strip())
    if number.endswith("/-"):
        number = number[:-2].rstrip()
    match = re.fullmatch(r"([0-9,]+)(?:\.([0-9]{1,2}))?", number)
    if not match or not _is_grouped_rightly(match[1]):
        return None
    rupees = match[1].replace(",", "").lstrip("0") or "0"
    if len(rupees) > 13:
        return None
    return int(rupees) * 100 + int((match[2] or "").ljust(2, "0"))


def _without_currency(text):
    for sign in ("₹", "rs.", "rs", "re.", "re", "inr"):
        if text[: len(sign)].lower() == sign:
            return text[len(sign) :].lstrip()
        if text[-len(sign) :].lower() == sign:
            return text[: -len(sign)].rstrip()
    return text


def _is_grouped_rightly(digits):
    plain = r"[0-9]+"
    western = r"[0-9]{1,3}(,[0-9]{3})+"
    indian = r"[0-9]{1,2}(,[0-9]{2})*,[0-9]{3}"
    if "," in digits and digits.startswith("0"):
        return False
    return any(re.fullmatch(form, digits) for form in (plain, western, indian))


def clean_count(text):
    digits = visible(text).strip()
    if not re.fullmatch(r"[0-9]+", digits):
        return None
    significant = digits.lstrip("0")
    return int(significant) if 1 <= len(significant) <= 9 else None


def clean_name(text):
    collapsed = " ".join(visible(text, with_joiners=True).split())
    return unicodedata.normalize("NFC", collapsed) or "Unknown"


def clean_region(text):
    """Letters that stand together are a word; not behind a digit, nor one alone behind an apostrophe."""
    name = clean_name(text)
    for letters in re.finditer(r"[^\W\d_]+", name):
        before = name[: letters.start()]
        is_suffix = (
            len(letters[0]) == 1 and re.search(r"\w['’]$", before) and not name[letters.end() :][:1].isdigit()
        )
        is_word = not re.search(r"[0-9]$", before) and not is_suffix
        word = letters[0].title() if is_word else letters[0].lower()
        name = before + _with_greek_sigma(word, before, name[letters.end() :]) + name[letters.end() :]
    return unicodedata.normalize("NFC", name)


def _with_greek_sigma(word, before, after):
    """Small sigma has a form of its own at the end of a word."""
    is_last = re.search(r"\w$", before + word[:-1]) and not re.match(r"\w", after)
    word = word.replace("ς", "σ")
    return word[:-1] + "ς" if word.endswith("σ") and is_last else word


ISO = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?"
    r" ?(?P<offset>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
DAY_FIRST = re.compile(
    r"(?P<day>[0-9]{2})(?P<mark>[-/])(?P<month>[0-9]{2})(?P=mark)(?P<year>[0-9]{4})"
    r"(?: (?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?)?"
)
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
IN_FULL = [f"{datetime(2000, n, 1):%B}" for n in range(1, 13)]


def clean_time(text, source_timezone=INDIA, business_timezone=INDIA):
    """Naive time in the business zone, with microseconds; a date alone is a day there."""
    written = _with_number_of_month(visible(text).strip())
    match = ISO.fullmatch(written) or DAY_FIRST.fullmatch(written)
    if not match:
        return None
    parts = match.groupdict()
    try:
        wall = _wall_time(parts)
        zones = (source_timezone, business_timezone)
        clean = _in_business_zone(wall, parts.get("offset"), *zones) if parts["hour"] else wall
    except (ValueError, OverflowError):  # no such day, hour, offset or year
        return None
    return clean if wall.year >= 1000 and clean.year >= 1000 else None


def _with_number_of_month(text):
    """12-Oct-2025 as 12-10-2025; the month in English, short or in full."""
    day, mark, rest = text.partition("-")
    name, mark, rest = rest.partition("-")
    for number, names in enumerate(zip(MONTHS, IN_FULL, strict=True), start=1):
        if mark and name.isascii() and name.lower() in (names[0].lower(), names[1].lower()):
            return f"{day}-{number:02d}-{rest}"
    return text


def _wall_time(parts):
    numbers = [int(parts[unit] or 0) for unit in ("year", "month", "day", "hour", "minute", "second")]
    microseconds = (parts.get("fraction") or "").ljust(6, "0")[:6]
    return datetime(*numbers, int(microseconds))


def _in_business_zone(wall, offset, source_timezone, business_timezone):
    if offset:
        instant = wall.replace(tzinfo=timezone(_offset(offset)))
    elif source_timezone == business_timezone:
        return wall
    else:
        instant = wall.replace(tzinfo=ZoneInfo(source_timezone))
        if instant.utcoffset() != instant.replace(fold=1).utcoffset():
            raise ValueError("a clock change makes this time ambiguous or skips it")
    in_utc = instant.astimezone(UTC)
    return in_utc.astimezone(ZoneInfo(business_timezone)).replace(tzinfo=None, fold=0)


def _offset(text):
    if text == "Z":
        return timedelta(0)
    digits = text[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if minutes > 59 or hours * 60 + minutes > 14 * 60:
        raise ValueError("no zone is so far from UTC")
    distance = timedelta(hours=hours, minutes=minutes)
    return -distance if text[0] == "-" else distance


# docs/rules.md: The two kinds of delivery; Why a file is refused.
# Bytes in, raw records out. A record is its raw fields plus `record` and `malformed`.


def read_customers(content):
    """Data rows of a customers CSV; blank lines are no rows."""
    rows = _csv_rows(content)
    if rows[0] in (None, SEVERAL):
        raise RefusedError("the header is damaged")
    header = [name.strip() for name in rows[0]]
    for field in CUSTOMER_FIELDS:
        if header.count(field) != 1:
            raise RefusedError(f"column {field} stands {header.count(field)} times in the header")
    records = [row for row in rows[1:] if row is None or "".join(row).strip()]
    return [_customer_record(n, header, row) for n, row in enumerate(records, start=1)]


def _csv_rows(content):
    """Rows as lists of text; None for one with text behind a closing quote, SEVERAL for several."""
    try:
        lines = io.StringIO(content.decode("utf-8-sig"), newline="\n").readlines()
    except UnicodeDecodeError as error:
        raise RefusedError(str(error)) from error
    rows = [row for row in _each_row(lines) if row != []]
    if not rows:
        raise RefusedError("empty file")
    return rows


SEVERAL = ["several rows"]


def _each_row(lines):
    reader = csv.reader(lines, strict=True)
    header = next((line for line in lines if line.strip()), "")  # blank lines may stand before it
    while True:
        before = reader.line_num
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            is_of_one_line = "expected after" in str(error) or "new-line" in str(error)
            if not is_of_one_line or _has_open_quote("".join(lines[before : reader.line_num])):
                raise RefusedError(str(error)) from error
            yield None
        else:
            yield (
                SEVERAL if _has_swallowed_rows(row, reader.line_num - before, len(header.split(","))) else row
            )


def _has_open_quote(text):
    """Behind a fault, whichever quotes one counts: all, or only those that begin a field."""
    is_open, begins, closed = False, True, False
    for character in text:
        turns = character == '"' and (is_open or begins or closed)  # one behind a closing one is doubled
        closed = turns and is_open
        is_open = is_open != turns
        begins = character in ",\n" and not is_open
    return is_open or text.count('"') % 2 == 1


def _has_swallowed_rows(row, lines, width):
    """A stray quote goes on to the next one: over many lines, or over the commas of rows."""
    broken = [cell for cell in row if "\n" in cell]
    return lines > 3 or any(
        "," in cell[cell.index("\n") :] or cell.count(",") >= width - 1 for cell in broken
    )


def _customer_record(number, header, row):
    named = dict(zip(header, row or [], strict=False))
    fields = {field: named.get(field) for field in CUSTOMER_FIELDS}
    damaged = row is None or row == SEVERAL or len(row) != len(header) or any("\0" in cell for cell in row)
    return {"record": number, "malformed": damaged, **fields}


class _NoDoctype(ET.TreeBuilder):
    def doctype(self, name, pubid, system):
        raise RefusedError("DOCTYPE is not allowed")


def read_orders(content):
    """`<order>` elements of an orders XML, one record (= one SKU line) each."""
    try:
        root = ET.fromstring(content, ET.XMLParser(target=_NoDoctype()))
    except (ET.ParseError, UnicodeError, LookupError) as error:
        raise RefusedError(str(error)) from error
    if _local_name(root) != "orders":
        raise RefusedError(f"root is <{_local_name(root)}>, not <orders>")
    return orders_of(root)


def orders_of(root):
    """The records of a root that any parser has read, without comments and processing instructions."""
    records = [_order_record(n, order, root) for n, order in enumerate(_outermost_orders(root), start=1)]
    if not records and (len(root) or (root.text or "").strip()):
        raise RefusedError("it has content, but not one <order>")
    return records


def _local_name(element):
    return element.tag.rpartition("}")[2]


def _outermost_orders(element):
    for child in element:
        if _local_name(child) == "order":
            yield child
        else:
            yield from _outermost_orders(child)


def _order_record(number, order, root):
    """A field that is given twice or holds elements is None: it cannot be read; but an id, twice the same."""
    fields, damaged = dict.fromkeys(ORDER_FIELDS), order not in list(root)
    damaged = damaged or any(_local_name(inner) == "order" for inner in order.iterfind(".//"))
    for field in ORDER_FIELDS:
        given = [element for element in order if _local_name(element) == field]
        if len(given) == 1 and len(given[0]) == 0:
            fields[field] = given[0].text or ""
        damaged = damaged or (bool(given) and fields[field] is None)
        if field == "order_id" and len({_flat_text(element) for element in given}) == 1:
            fields[field] = _flat_text(given[0])
    return {"record": number, "malformed": damaged, **fields}


def _flat_text(element):
    return None if len(element) else (element.text or "").strip()


# docs/rules.md: Why a record is turned away.
# Every record is accepted, rejected with all its reasons, or an exact repeat.


def judge_customers(records):
    """-> (accepted clean rows, [(record number, set of reasons)], number of exact repeats)."""
    lines, repeats = _without_repeats([_customer_line(record) for record in records])
    _mark_missing(lines, ["customer_id", "mobile_number"])
    _mark_invalid(lines, ["mobile_number"])
    complete = [line for line in lines if not line["reasons"]]
    _mark_conflicts(
        complete, ["customer_id"], ["customer_name", "mobile_number", "region"], "conflicting_customer"
    )
    _mark_conflicts(complete, ["mobile_number"], ["customer_id"], "shared_mobile_number")
    return _accepted(lines), _rejected(lines), repeats


def judge_orders(records, delivery_date, amount_is="order", source_timezone=INDIA, business_timezone=INDIA):
    """-> (accepted clean lines, [(record number, set of reasons)], number of exact repeats)."""
    zones = (source_timezone, business_timezone)
    every = [_order_line(record, zones) for record in records]
    lines, repeats = _without_repeats(every, _is_line_of_its_own if amount_is == "line" else _is_malformed)
    if amount_is == "line":
        _mark_repeated(lines)
    _mark_missing(lines, ORDER_FIELDS)
    _mark_invalid(lines, ["mobile_number", "order_date_time", "sku_count", "total_amount"])
    if amount_is == "line":
        _mark_too_much(lines)
    _mark_future(lines, delivery_date)
    total = ["total_amount"]
    _mark_conflicts(
        lines,
        ["order_id"],
        ["mobile_number", "order_date_time"] + (total if amount_is == "order" else []),
        "conflicting_order",
    )
    _mark_conflicts(
        lines,
        ["order_id", "sku_id"],
        ["sku_count"] + (total if amount_is == "line" else []),
        "conflicting_sku",
    )
    _mark_rest_of_rejected_orders(lines)
    return _accepted(lines), _rejected(lines), repeats


def _customer_line(record):
    clean = {
        "customer_id": clean_id(record["customer_id"]),
        "customer_name": clean_name(record["customer_name"]),
        "mobile_number": clean_mobile(record["mobile_number"]),
        "region": clean_region(record["region"]),
    }
    return _line(record, clean)


def _order_line(record, zones):
    clean = {
        "order_id": clean_id(record["order_id"]),
        "mobile_number": clean_mobile(record["mobile_number"]),
        "order_date_time": clean_time(record["order_date_time"], *zones),
        "sku_id": clean_id(record["sku_id"]),
        "sku_count": clean_count(record["sku_count"]),
        "total_amount": clean_amount(record["total_amount"]),
    }
    return _line(record, clean)


def _line(record, clean):
    texts = [value for value in clean.values() if isinstance(value, str)]
    has_long_text = any(len(value) > LONGEST_FIELD for value in texts)
    controlled = any(has_control(record[field]) for field in clean)
    controlled = controlled or any(unicodedata.category(c) == "Cc" for value in texts for c in value)
    is_bad = record["malformed"] or has_long_text or controlled
    reasons = {"malformed_record"} if is_bad else set()
    return {"record": record["record"], "raw": record, "clean": clean, "reasons": reasons}


def _is_malformed(line):
    return "malformed_record" in line["reasons"]


def _is_line_of_its_own(line):
    """Of a known SKU of a known order, where amounts are the lines' own: two of them may be two sales."""
    return _is_malformed(line) or None not in (line["clean"]["order_id"], line["clean"]["sku_id"])


def _without_repeats(lines, never_repeats=_is_malformed):
    seen, kept = set(), []
    for line in lines:
        identity = _identity(line)
        if never_repeats(line) or identity not in seen:
            kept.append(line)
        if not never_repeats(line):
            seen.add(identity)
    return kept, len(lines) - len(kept)


def _mark_repeated(lines):
    """Where amounts are the lines' own: lines that are equal, of which repeats without a SKU are gone."""
    groups = {}
    for line in lines:
        if not _is_malformed(line):
            groups.setdefault(_identity(line), []).append(line)
    for group in groups.values():
        if len(group) > 1:
            for line in group:
                line["reasons"].add("repeated_line")


def _identity(line):
    """What makes two lines equal: clean values, and the raw text where there is none."""
    return tuple(
        ("raw", line["raw"][field] or "") if value is None else ("clean", value)
        for field, value in line["clean"].items()
    )


def _mark_missing(lines, required):
    for line in lines:
        for field in required:
            if not _is_malformed(line) and is_missing(line["raw"][field]):
                line["reasons"].add(f"missing_{field}")


def _mark_invalid(lines, checked):
    for line in lines:
        for field in checked:
            present = not is_missing(line["raw"][field])
            if not _is_malformed(line) and present and line["clean"][field] is None:
                line["reasons"].add(f"invalid_{field}")


def _mark_too_much(lines):
    """Where amounts are the lines' own: an order that no 64 bits hold."""
    orders = {}
    for line in lines:
        order_id, amount = line["clean"]["order_id"], line["clean"]["total_amount"]
        if not _is_malformed(line) and None not in (order_id, amount):
            orders.setdefault(order_id, []).append(line)
    for own in orders.values():
        if sum(line["clean"]["total_amount"] for line in own) >= 2**63:
            for line in own:
                line["reasons"].add("invalid_total_amount")


def _mark_future(lines, delivery_date):
    for line in lines:
        time = line["clean"]["order_date_time"]
        if not _is_malformed(line) and time and time.date() > delivery_date + timedelta(days=1):
            line["reasons"].add("future_order")


def _mark_conflicts(lines, key_fields, compared_fields, reason):
    """Lines of one key (all of it present) whose valid values differ in a compared field are all marked."""
    groups = {}
    for line in lines:
        key = tuple(line["clean"][field] for field in key_fields)
        if not _is_malformed(line) and None not in key:
            groups.setdefault(key, []).append(line)
    for group in groups.values():
        if any(_differ(group, field) for field in compared_fields):
            for line in group:
                line["reasons"].add(reason)


def _differ(group, field):
    return len({line["clean"][field] for line in group} - {None}) > 1


def _mark_rest_of_rejected_orders(lines):
    """A malformed line, too, takes its order with it, where its order_id can be read."""
    bad = {line["clean"]["order_id"] for line in lines if line["reasons"]}
    for line in lines:
        if not line["reasons"] and line["clean"]["order_id"] in bad:
            line["reasons"].add("order_rejected")


def _accepted(lines):
    return [{"record": line["record"], **line["clean"]} for line in lines if not line["reasons"]]


def _rejected(lines):
    return [(line["record"], line["reasons"]) for line in lines if line["reasons"]]


# docs/rules.md: The order of deliveries.
# What is published when all deliveries are in.


DAYS = ("%Y-%m-%d", "%Y_%m_%d", "%Y%m%d", "%d-%m-%Y", "%d.%m.%Y", "%d-%b-%Y", "%d-%B-%Y")


def date_in_name(name):
    """The first day of the calendar in a file name, in any of the forms of `DAYS`; of a range, the last."""
    starts = [at for at in range(len(name)) if at == 0 or not name[at - 1].isdigit()]
    for at in starts:
        day, rest = _day_at_the_start(name[at:])
        if day:
            until, _ = _day_at_the_start(re.sub("^[-_ ]+(to[-_ ]+)?", "", rest))
            return max(day, until or day)
    return None


def _day_at_the_start(text):
    """The day with which a text begins, and the rest; None where it begins with none."""
    for form in DAYS:
        for length in range(8, 18):
            written, rest = text[:length], text[length:]
            try:
                day = datetime.strptime(written, form)
            except ValueError:
                continue
            if day.strftime(form).lower() == written.lower() and not rest[:1].isdigit():
                return day.date(), rest
    return None, text


def position(name):
    """Where a delivery of this name stands: base files, dated ones, undated ones, each by name."""
    if name in ("customers.csv", "orders.xml"):
        return (0, date.min, [], name)
    dated = date_in_name(name)
    return (1 if dated else 2, dated or date.min, name_order(name), name)


def name_order(name):
    """The stem in any case, numbers as numbers; one of several digits stands where capitals would."""
    stem = name.rpartition("/")[2].rpartition(".")[0]
    parts = re.findall("[0-9]+|[^0-9]", "".join(letter.lower() for letter in stem), re.DOTALL)
    return [("9" if int(p) < 10 else "Z", int(p)) if p[0] in "0123456789" else (p, 0) for p in parts]


def noted(history):
    """(name, bytes, day) of every note that stands after a history, in order of places.

    A history is a list of looks into the folder, ("look", {name: bytes}, day of the look), of files that
    could be read, and of withdrawals, ("withdraw", name). A name is noted with its bytes whenever they are
    not those of the last note; a withdrawal strikes out all notes of the bytes noted last under the name.
    """
    notes = {}
    for what, *told in history:
        if what == "look":
            for name, content in told[0].items():
                if not notes.get(name) or notes[name][-1]["content"] != content:
                    notes.setdefault(name, []).append({"content": content, "day": told[1], "struck": False})
        else:
            gone = notes[told[0]][-1]["content"]
            for note in (note for of_name in notes.values() for note in of_name):
                note["struck"] = note["struck"] or note["content"] == gone
    return [
        (name, note["content"], note["day"])
        for name in sorted(notes, key=position)
        for note in notes[name]
        if not note["struck"]
    ]


def standing(notes):
    """The notes under which deliveries stand: of the same bytes, the last."""
    places = {}
    for name, content, day in notes:
        places.pop(content, None)
        places[content] = (name, content, day)
    return [*places.values()]


def publish(deliveries, run_date=None, **options):
    """What `publish_noted` returns of (name, bytes) deliveries that were seen once, on the day of a run."""
    in_order = sorted(deliveries, key=lambda delivery: position(delivery[0]))
    return publish_noted([(*delivery, run_date or date.today()) for delivery in in_order], **options)


def publish_noted(notes, amount_is="order", source_timezone=INDIA, business_timezone=INDIA):
    """Published content of (name, bytes, day seen) in order: customers, orders with items, claims, ledger.

    A claim: mobile_number, customer_id, day (None: from ever); in delivery order.
    """
    customers, orders, ledger = {}, {}, []
    for rank, (name, content, seen) in enumerate(standing(notes)):
        if name.lower().endswith(".csv"):
            judged = judge_customers(read_customers(content))
            customers.update(_customer_versions(judged[0], rank, name))
        else:
            day = date_in_name(name) or seen
            judged = judge_orders(read_orders(content), day, amount_is, source_timezone, business_timezone)
            orders.update(_order_versions(judged[0], amount_is, name))
        ledger.append(_ledger_entry(name, judged))
    claims = [
        claim
        for name, content, seen in notes
        if name.lower().endswith(".csv")
        for claim in _claims(judge_customers(read_customers(content))[0], name, seen)
    ]
    return {"customers": customers, "orders": orders, "claims": claims, "ledger": ledger}


def _claims(rows, name, seen):
    """In each place a delivery brings the records of the day before; a base file's have no day."""
    day = (date_in_name(name) or seen) - timedelta(days=1)
    day = None if name in ("customers.csv", "orders.xml") else day
    return [
        {"mobile_number": row["mobile_number"], "customer_id": row["customer_id"], "day": day} for row in rows
    ]


def _customer_versions(rows, rank, name):
    fields = ["customer_name", "mobile_number", "region"]
    return {
        row["customer_id"]: {"rank": rank, "delivery": name, **{field: row[field] for field in fields}}
        for row in rows
    }


def _order_versions(lines, amount_is, name):
    orders = {}
    for line in lines:
        order = orders.setdefault(line["order_id"], _new_order(line, name))
        order["items"][line["sku_id"]] = {"sku_count": line["sku_count"]}
        if amount_is == "line":
            order["items"][line["sku_id"]]["amount_paise"] = line["total_amount"]
            order["total_amount_paise"] = sum(item["amount_paise"] for item in order["items"].values())
    return orders


def _new_order(line, name):
    return {
        "delivery": name,
        "mobile_number": line["mobile_number"],
        "order_date_time": line["order_date_time"],
        "order_date": line["order_date_time"].date(),
        "total_amount_paise": line["total_amount"],
        "items": {},
    }


def _ledger_entry(name, judged):
    accepted, rejected, repeats = judged
    return {
        "name": name,
        "records": len(accepted) + len(rejected) + repeats,
        "accepted": len(accepted),
        "rejected": len(rejected),
        "repeats": repeats,
        "rejects": rejected,
    }


def holder(claims, mobile_number, day):
    """The customer of a number's last claim that had begun by the day, else of its first; or None."""
    own = [claim for claim in claims if claim["mobile_number"] == mobile_number]
    begun = [claim for claim in own if claim["day"] is None or claim["day"] <= day]
    return (begun[-1:] or own[:1] or [{"customer_id": None}])[0]["customer_id"]


def holdings(claims):
    """Who holds each number from which day until which, day by day: (number, customer, from, until), sorted.

    Of a number's first holder, from is 1000-01-01; of its present one, until is None.
    """
    found = []
    for number in sorted({claim["mobile_number"] for claim in claims}):
        days = {date(1000, 1, 1)} | {
            claim["day"] for claim in claims if claim["mobile_number"] == number and claim["day"]
        }
        held = []
        for day in sorted(days):
            customer_id = holder(claims, number, day)
            if not held or held[-1][0] != customer_id:
                held.append((customer_id, day))
        untils = [day for _, day in held[1:]] + [None]
        found += [(number, customer, day, until) for (customer, day), until in zip(held, untils, strict=True)]
    return found


# docs/rules.md: The KPIs.
# Money is paise throughout.


def kpis(published, as_of=None, window_days=30, top_n=10):
    """The four KPIs, each a list of dicts in the order of COLUMNS; dates as ISO text."""
    dates = [order["order_date"] for order in published["orders"].values()]
    as_of = as_of or max(dates, default=date.max)
    by_number = _grouped(published["claims"], lambda claim: claim["mobile_number"])
    orders = [
        _owned(order, by_number) for order in published["orders"].values() if order["order_date"] <= as_of
    ]
    recent = [order for order in orders if (as_of - order["order_date"]).days < window_days]
    customers = published["customers"]
    return {
        "repeat_customers": _repeat_customers(orders, customers),
        "monthly_trends": _monthly_trends(orders),
        "regional_revenue": _regional_revenue(orders, customers),
        "top_spenders": _top_spenders(recent, customers)[:top_n],
    }


def _owned(order, by_number):
    claims = by_number.get(order["mobile_number"], [])
    return {**order, "customer_id": holder(claims, order["mobile_number"], order["order_date"])}


def _grouped(things, key):
    groups = {}
    for thing in things:
        groups.setdefault(key(thing), []).append(thing)
    return groups


def _by_customer(orders):
    return _grouped([order for order in orders if order["customer_id"]], lambda order: order["customer_id"])


def _total(orders):
    return sum(order["total_amount_paise"] for order in orders)


def average_paise(total_paise, count):
    """Half up, by integers: 12.5 -> 13."""
    return (2 * total_paise + count) // (2 * count)


def _customer_columns(customer_id, customers):
    row = customers[customer_id]
    return {
        "customer_id": customer_id,
        "customer_name": row["customer_name"],
        "mobile_number": row["mobile_number"],
        "region": row["region"],
    }


def _repeat_customers(orders, customers):
    rows = [
        {**_customer_columns(customer_id, customers), "order_count": len(own)}
        for customer_id, own in _by_customer(orders).items()
        if len(own) > 1
    ]
    return sorted(rows, key=lambda row: (-row["order_count"], row["customer_id"]))


def _monthly_trends(orders):
    months = _grouped(orders, lambda order: (order["order_date"].year, order["order_date"].month))
    return [
        {"year": year, "month": month, "order_count": len(own), "total_revenue": _total(own)}
        for (year, month), own in sorted(months.items())
    ]


def _regional_revenue(orders, customers):
    def region(order):
        """That nobody owns an order is no region's name."""
        if not order["customer_id"]:
            return "Unmatched"
        own = customers[order["customer_id"]]["region"]
        return "Unmatched (region)" if own == "Unmatched" else own

    rows = [_region_row(name, own) for name, own in _grouped(orders, region).items()]
    return sorted(rows, key=lambda row: (-row["total_revenue"], row["region"]))


def _region_row(region, orders):
    known = {order["customer_id"] for order in orders if order["customer_id"]}
    unknown = {order["mobile_number"] for order in orders if not order["customer_id"]}
    return {
        "region": region,
        "customer_count": len(known) + len(unknown),
        "order_count": len(orders),
        "total_revenue": _total(orders),
        "avg_order_value": average_paise(_total(orders), len(orders)),
    }


def _top_spenders(orders, customers):
    rows = [
        {
            **_customer_columns(customer_id, customers),
            "order_count": len(own),
            "total_spent": _total(own),
            "avg_order_value": average_paise(_total(own), len(own)),
            "last_order_date": max(order["order_date"] for order in own).isoformat(),
        }
        for customer_id, own in _by_customer(orders).items()
    ]
    return sorted(rows, key=lambda row: (-row["total_spent"], row["customer_id"]))


def rupees(paise):
    """Exact text with two decimals: 893000 -> '8930.00'."""
    return f"{paise // 100}.{paise % 100:02d}"


def kpi_json(name, rows):
    """Rows of a KPI with money as exact decimal text."""
    return [{c: rupees(row[c]) if c in MONEY else row[c] for c in COLUMNS[name]} for row in rows]


def kpi_csv(name, rows):
    """The same rows as lists of text, header first, formulas neutralised."""
    return [COLUMNS[name]] + [[_neutral(row[c]) for c in COLUMNS[name]] for row in kpi_json(name, rows)]


def _neutral(value):
    text = str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
