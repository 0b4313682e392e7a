"""A delivery's profile in slow, plain Python, record by record, that shares nothing with the package."""

import re
import unicodedata
from collections import Counter
from datetime import datetime

from lib import reference

FIELDS = {
    "customers": ("customer_id", "customer_name", "mobile_number", "region"),
    "orders": ("order_id", "mobile_number", "order_date_time", "sku_id", "sku_count", "total_amount"),
}
WITH_A_FORM = ("mobile_number", "order_date_time", "sku_count", "total_amount")


def column(field, texts):
    """Return what a profile says of a field's texts (None where it is absent): the fields of a Column."""
    there = [text for text in texts if text is not None and seen(text)]
    counted = Counter(there)
    ranked = sorted(((text, n) for text, n in counted.items() if n > 1), key=lambda one: (-one[1], one[0]))
    values = [CLEAN[field](text) for text in there] if field in WITH_A_FORM else [*map(seen, there)]
    clean = [value for value in values if value is not None]
    told = Counter(form for text in there for form in set(forms(field, text)))
    return {
        "filled": len(there),
        "distinct": len(counted),
        "invalid": len(values) - len(clean),
        "least": shown(field, min(clean, default=None)),
        "most": shown(field, max(clean, default=None)),
        "frequent": [(text[:80], n) for text, n in ranked[:3]],
        "forms": dict(told),
    }


def seen(text):
    """Return what can be seen of a text, trimmed."""
    return "".join(c for c in text if unicodedata.category(c) != "Cf").strip()


def shown(field, value):
    if value is None:
        return None
    if field == "total_amount":
        return f"{value // 100}.{value % 100:02d}"
    return value.isoformat() if isinstance(value, datetime) else str(value)[:80]


def forms(field, text):
    if field.endswith("_id"):
        words = re.sub("[A-Za-z]+", "A", text)
        return [re.sub("[0-9]+", "9", words)[:40]]
    return FORMS[field](text)


def of_mobile(text):
    digits = re.sub("[^0-9+]", "", text)
    if re.fullmatch("[0-9]{10}", text):
        yield "ten digits"
    elif len(digits.replace("+", "")) > 10:
        found = [one for one in ("+91", "0091", "91", "0") if digits.startswith(one)]
        yield from (f"{one} in front" for one in found[:1])
    yield from ("spaces" for c in text if c.isspace())
    yield from ("dashes" for c in text if unicodedata.category(c) == "Pd" or c == "\N{MINUS SIGN}")
    yield from ("dots" for c in text if c == ".")
    yield from ("brackets" for c in text if c in "()[]{}")
    if "tel:" in text.lower():
        yield "tel:"


def of_words(text):
    capital, small = re.search("[A-Z]", text), re.search("[a-z]", text)
    if capital and small:
        yield "Capitals and small"
    elif capital or small:
        yield "CAPITALS" if capital else "small letters"
    if not text.isascii():
        yield "letters beyond A to Z"
    if re.search("[0-9]", text):
        yield "digits"
    bare = re.sub(r"[^\x00-\x7f]", "x", text)
    if bare != bare.strip():
        yield "spaces around"
    if re.search(r"\s\s", bare.strip()):
        yield "several spaces in a row"


def of_time(text):
    days = {r"\d{4}-\d\d-\d\d": "YYYY-MM-DD", r"\d\d-\d\d-\d{4}": "DD-MM-YYYY"}
    days |= {r"\d\d/\d\d/\d{4}": "DD/MM/YYYY", r"\d\d-[A-Za-z]{3,9}-\d{4}": "DD-Mon-YYYY"}
    known = [form for day, form in days.items() if re.match(day, text.strip(), re.ASCII)]
    yield from known
    if not known:
        yield "another day"
    clock = re.search(r"([T ]+)\d\d?:\d\d(:\d\d)?([.,]\d+)?(.*)", text, re.ASCII | re.DOTALL)
    if not clock:
        if known:
            yield "a day alone"
        return
    before, seconds, fraction, behind = clock.groups()
    yield "T before the time" if "T" in before else "a space before the time"
    if seconds is None:
        yield "no seconds"
    if fraction:
        yield "fractions of a second"
    if behind.strip() == "Z":
        yield "Z"
    if re.fullmatch(r"[+-]\d\d(:?\d\d)?", behind.strip(), re.ASCII):
        yield "an offset"


def of_amount(text):
    if not re.search("[0-9]", text):
        yield "no digits"
    elif re.search(r"[0-9]\.[0-9]", text):
        yield "decimals"
    else:
        yield "whole rupees"
    marks = {",": "thousands separators", "₹": "₹", "/-": "/-"}
    yield from (form for mark, form in marks.items() if mark in text)
    if "rs" in text.lower() or "re" in text.lower():
        yield "Rs"
    if "inr" in text.lower():
        yield "INR"
    if text.strip()[:1] in ("-", "(", "\N{MINUS SIGN}"):
        yield "a minus"


def of_count(text):
    yield "digits" if re.fullmatch("[0-9]+", text) else "other than digits"


FORMS = {
    "mobile_number": of_mobile,
    "order_date_time": of_time,
    "sku_count": of_count,
    "total_amount": of_amount,
    "customer_name": of_words,
    "region": of_words,
}
CLEAN = {
    "mobile_number": reference.clean_mobile,
    "order_date_time": reference.clean_time,
    "sku_count": reference.clean_count,
    "total_amount": reference.clean_amount,
}
