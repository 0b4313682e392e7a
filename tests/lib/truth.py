"""Deliveries whose truth is known because it was made first: customers and orders, then their spelling.

`build` makes plain customers and orders (naive Kolkata times, paise), writes them as deliveries in the
many spellings that docs/rules.md accepts, and adds bad records whose reasons it knows. KPIs of the truth
are worked out from the made data; nothing here parses or cleans anything.
"""

import csv
import io
import random
import unicodedata
from collections import defaultdict
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from xml.sax.saxutils import escape

SHAPES = {
    "daily": {"customer": "CUST-{:03d}", "order": "ORD-2025-{:04d}", "last_day": date(2025, 11, 30)},
    "simple": {"customer": "{}", "order": "{}", "last_day": date(2024, 10, 31)},
}
CUSTOMERS, ORDERS, NEWCOMERS, TIED_AT_THE_TOP, TIED_AT_THE_CUT, SILENT = 180, 450, 30, 4, 11, 20
MONEY = {"total_revenue", "avg_order_value", "total_spent"}
INDIA_OFFSET = timedelta(hours=5, minutes=30)

ODD_NAMES = [
    "Rao, Meera",
    'Asha "Ash" Iyer',
    "=1+1",
    "Tom & Jerry <Ltd>",
    "Zoë Ñandú",
    "अनिल कुमार",
    "+Plus",
    "-Dash",
    "@home",
    "O'Neil",
    "Unknown",
]
FIRST = ["Anil", "Bina", "Chitra", "Dev", "Esha", "Farid", "Gita", "Hari"]
LAST = ["Rao", "Iyer", "Khan", "D'Souza", "Singh", "Menon"]
REGIONS = ["North", "South", "East", "West", "Central", "North East", "Unknown", "Unmatched"]
REGION_NAMES = {"Unmatched": "Unmatched (region)"}  # in the KPI, where orders of nobody are called so
TIMES = [
    time(0, 0),
    time(0, 0, 1),
    time(0, 15),
    time(5, 29, 59, 999999),
    time(5, 30),
    time(10, 30),
    time(18, 30),
    time(21, 7, 9, 120000),
    time(23, 45),
    time(23, 59, 59, 999999),
]


# The truth: plain data.


def make_customers(shape, rng):
    pattern = SHAPES[shape]["customer"]
    ids = ["007", *(pattern.format(n) for n in range(1, CUSTOMERS))]
    mobiles = _distinct_mobiles(rng, CUSTOMERS)
    return [_customer(*pair, n, rng) for n, pair in enumerate(zip(ids, mobiles, strict=True))]


def _customer(customer_id, mobile, number, rng):
    plain = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
    name = ODD_NAMES[number] if number < len(ODD_NAMES) else plain
    return {
        "customer_id": customer_id,
        "customer_name": name,
        "mobile_number": mobile,
        "region": rng.choice(REGIONS),
    }


def _distinct_mobiles(rng, count):
    """Ten-digit numbers; the first ones begin with 91, as a country code does."""
    tails = rng.sample(range(10**8), count)
    heads = [91, 91, 91] + [rng.choice([60, 79, 80, 90, 98, 99]) for _ in range(count - 3)]
    return [f"{head}{tail:08d}" for head, tail in zip(heads, tails, strict=True)]


def make_orders(shape, rng, customers):
    """Orders whose `owner` is a customer id, or None where no customer has the number."""
    last_day = SHAPES[shape]["last_day"]
    crafted = _tied_orders(customers, last_day)
    buyers = customers[TIED_AT_THE_TOP + TIED_AT_THE_CUT : -SILENT]
    strangers = [f"70000000{n:02d}" for n in range(10)]
    rest = [_random_order(rng, buyers, strangers, last_day) for _ in range(ORDERS - len(crafted))]
    orders = crafted + rest
    rng.shuffle(orders)
    for number, order in enumerate(orders, start=1001):
        order["order_id"] = SHAPES[shape]["order"].format(number)
        order["items"] = _items(shape, rng)
    return orders


def _tied_orders(customers, last_day):
    """Ties at the top and at the cut of ten; just inside and just outside of the 30 days' window."""
    first_instant = datetime.combine(last_day - timedelta(days=29), time(0, 0))
    last_instant = datetime.combine(last_day, time(23, 59, 59, 999999))
    orders = []
    for customer in customers[:TIED_AT_THE_TOP]:
        orders.append(_order(customer, last_instant, 25_000_000_05))
        orders.append(_order(customer, first_instant, 33_333_33))
        orders.append(_order(customer, first_instant - timedelta(microseconds=1), 77_777_77))
    for customer in customers[TIED_AT_THE_TOP : TIED_AT_THE_TOP + TIED_AT_THE_CUT]:
        orders.append(_order(customer, first_instant + timedelta(hours=5), 1_00_000_00))
    return orders


def _random_order(rng, buyers, strangers, last_day):
    when = datetime.combine(_random_day(rng, last_day), rng.choice(TIMES))
    if rng.random() < 0.06:
        mobile, paise = rng.choice(strangers), rng.choice([0, 99_999_999_999_99, 1_200_50])
        return {"owner": None, "mobile_number": mobile, "order_date_time": when, "paise": paise}
    paise = rng.choice([rng.randrange(20_000_00), rng.randrange(200) * 100_00, 0, 1, 1_200_50, 5_500_00])
    return _order(rng.choice(buyers), when, paise)


def _random_day(rng, last_day):
    """Any of the last ninety days, month ends and beginnings more often."""
    day = last_day - timedelta(days=rng.randrange(90))
    month_begin = day.replace(day=1)
    return rng.choice([day, day, month_begin, month_begin - timedelta(days=1)])


def _order(customer, when, paise):
    return {
        "owner": customer["customer_id"],
        "mobile_number": customer["mobile_number"],
        "order_date_time": when,
        "paise": paise,
    }


def _items(shape, rng):
    lines = 1 if shape == "simple" else rng.choice([1, 1, 2, 3, 4])
    skus = rng.sample(range(1, 60), lines)
    pattern = "SKU{:03d}" if shape == "simple" else "SKU-{:04d}"
    return {pattern.format(sku): rng.choice([1, 2, 3, 12, 999_999_999]) for sku in skus}


# The truth's KPIs: one pass each over the made orders.


def truth_kpis(truth, as_of=None, window_days=30, top_n=10):
    """The four KPIs as lists of dicts; money in paise, dates as ISO text."""
    as_of = as_of or max(o["order_date_time"].date() for o in truth["orders"])
    customers = {c["customer_id"]: c for c in truth["customers"]}
    orders = [o for o in truth["orders"] if o["order_date_time"].date() <= as_of]
    window_begin = as_of - timedelta(days=window_days - 1)
    recent = [o for o in orders if o["order_date_time"].date() >= window_begin]
    return {
        "repeat_customers": _repeaters(orders, customers),
        "monthly_trends": _months(orders),
        "regional_revenue": _regions(orders, customers),
        "top_spenders": _spenders(recent, customers)[:top_n],
    }


kpi_files = truth_kpis


def _tally(orders, key):
    """key -> [number of orders, paise, latest day, buyers]."""
    tally = defaultdict(lambda: [0, 0, date.min, set()])
    for order in orders:
        entry = tally[key(order)]
        entry[0] += 1
        entry[1] += order["paise"]
        entry[2] = max(entry[2], order["order_date_time"].date())
        entry[3].add((order["owner"] is None, order["owner"] or order["mobile_number"]))
    return tally


def _months(orders):
    tally = _tally(orders, lambda o: (o["order_date_time"].year, o["order_date_time"].month))
    return [
        {"year": year, "month": month, "order_count": count, "total_revenue": paise}
        for (year, month), (count, paise, _, _) in sorted(tally.items())
    ]


def _regions(orders, customers):
    names = {c["customer_id"]: REGION_NAMES.get(c["region"], c["region"]) for c in customers.values()}
    tally = _tally(orders, lambda o: names[o["owner"]] if o["owner"] else "Unmatched")
    rows = [
        {
            "region": region,
            "customer_count": len(buyers),
            "order_count": count,
            "total_revenue": paise,
            "avg_order_value": _half_up(paise, count),
        }
        for region, (count, paise, _, buyers) in sorted(tally.items())
    ]
    return sorted(rows, key=lambda row: row["total_revenue"], reverse=True)


def _known(orders):
    """(customer id, tally) sorted by customer id."""
    return sorted(_tally([o for o in orders if o["owner"]], lambda o: o["owner"]).items())


def _repeaters(orders, customers):
    rows = [{**customers[owner], "order_count": count} for owner, (count, *_) in _known(orders) if count > 1]
    return sorted(rows, key=lambda row: row["order_count"], reverse=True)


def _spenders(orders, customers):
    rows = [
        {
            **customers[owner],
            "order_count": count,
            "total_spent": paise,
            "avg_order_value": _half_up(paise, count),
            "last_order_date": latest.isoformat(),
        }
        for owner, (count, paise, latest, _) in _known(orders)
    ]
    return sorted(rows, key=lambda row: row["total_spent"], reverse=True)


def _half_up(paise, count):
    whole, rest = divmod(paise, count)
    return whole + (2 * rest >= count)


def expected_json(name, rows):
    """What `json.loads(text, parse_float=Decimal)` gives for the KPI's JSON file."""
    return [{c: Decimal(v).scaleb(-2) if c in MONEY else v for c, v in row.items()} for row in rows]


def expected_csv(name, rows):
    """The exact text of the KPI's CSV file (which has rows)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(rows[0])
    for row in expected_json(name, rows):
        writer.writerow([_neutralised(value) for value in row.values()])
    return out.getvalue()


def _neutralised(value):
    return "'" + value if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value


# Spelling: one clean value, one of the texts that mean it.


def spell_mobile(mobile, rng):
    forms = ["{}", "+91{}", "91{}", "0{}", "0091{}", "+91 {}", "+91-{}", "(+91) {}", " {} "]
    body = rng.choice(
        [
            mobile,
            f"{mobile[:5]} {mobile[5:]}",
            f"{mobile[:5]}-{mobile[5:]}",
            f"{mobile[:3]}.{mobile[3:6]}.{mobile[6:]}",
            f"({mobile[:5]}) {mobile[5:]}",
            f"{mobile[:5]}–{mobile[5:]}",
            f"{mobile[:5]}\u00a0{mobile[5:]}",
        ]
    )
    return rng.choice(forms).format(body)


def spell_amount(paise, rng):
    rupees, rest = divmod(paise, 100)
    number = rng.choice([str(rupees), western(rupees), indian(rupees)])
    decimals = [f".{rest:02d}"]
    if rest % 10 == 0:
        decimals.append(f".{rest // 10}")
    if rest == 0:
        decimals.append("")
    number += rng.choice(decimals)
    forms = ["{}", "{}", "₹{}", "₹ {}", "Rs. {}", "Rs.{}", "rs {}", "INR {}", "{} INR", " {} ", "{} ₹"]
    return rng.choice(forms).format(number)


def western(rupees):
    return f"{rupees:,}"


def indian(rupees):
    """100000 -> 1,00,000"""
    text = str(rupees)
    head, tail = text[:-3], text[-3:]
    pairs = []
    while head:
        pairs.insert(0, head[-2:])
        head = head[:-2]
    return ",".join([*pairs, tail])


def spell_time(when, rng):
    utc, tokyo, lima = when - INDIA_OFFSET, when + timedelta(hours=3.5), when - timedelta(hours=10.5)
    forms = [
        when.isoformat(),
        when.isoformat(" "),
        f"{utc.isoformat()}Z",
        f"{utc.isoformat(' ')}+00:00",
        f"{when.isoformat()}+05:30",
        f"{when.isoformat()}+0530",
        f"{tokyo.isoformat()}+09",
        f"{lima.isoformat()}-05:00",
        f" {when.isoformat(timespec='microseconds')}789 ",
        when.isoformat().replace(".", ","),
    ]
    return rng.choice(forms + _coarse_times(when))


def _coarse_times(when):
    """The forms that drop what is zero."""
    forms = []
    if when.microsecond == 0:
        forms += [f"{when:%d-%m-%Y %H:%M:%S}", f"{when:%d/%m/%Y %H:%M:%S}"]
    if when.second == when.microsecond == 0:
        forms += [f"{when:%d-%m-%Y %H:%M}", f"{when:%d/%m/%Y %H:%M}", f"{when:%Y-%m-%dT%H:%M}"]
    if when.time() == time(0, 0):
        forms += [f"{when:%Y-%m-%d}", f"{when:%d-%m-%Y}", f"{when:%d/%m/%Y}"]
    return forms


def spell_name(name, rng):
    if name == "Unknown":
        return rng.choice(["", "  ", "Unknown"])
    forms = [name, f"  {name} ", name.replace(" ", "  "), unicodedata.normalize("NFD", name)]
    return rng.choice(forms)


def spell_region(region, rng):
    return spell_name(
        rng.choice([region, region.upper(), region.lower()]) if region != "Unknown" else region, rng
    )


def spell_customer(customer, shape, rng):
    if shape == "simple":
        return dict(customer)
    return {
        "customer_id": rng.choice([customer["customer_id"], f" {customer['customer_id']} "]),
        "customer_name": spell_name(customer["customer_name"], rng),
        "mobile_number": spell_mobile(customer["mobile_number"], rng),
        "region": spell_region(customer["region"], rng),
    }


def spell_lines(order, shape, rng):
    return [_spell_line(order, sku, count, shape, rng) for sku, count in order["items"].items()]


def _spell_line(order, sku, count, shape, rng):
    when, mobile = order["order_date_time"], order["mobile_number"]
    simple = shape == "simple"
    return {
        "order_id": order["order_id"],
        "mobile_number": mobile if simple else spell_mobile(mobile, rng),
        "order_date_time": when.isoformat(" ") if simple else spell_time(when, rng),
        "sku_id": sku,
        "sku_count": str(count) if simple else rng.choice([str(count), f" {count} "]),
        "total_amount": _plain_rupees(order["paise"]) if simple else spell_amount(order["paise"], rng),
    }


def _plain_rupees(paise):
    return f"{paise // 100}.{paise % 100:02d}"


# Bad records. An entry is the fields of one record, what it is for the truth, and how it is damaged.


def _entry(fields, reasons=(), kind="good", damage=None):
    return {"fields": fields, "reasons": set(reasons), "kind": "bad" if reasons else kind, "damage": damage}


def bad_customers(rng):
    """Nine bad records of ids and numbers that no good record has."""

    def row(customer_id, mobile, name="Bad Row"):
        return {"customer_id": customer_id, "customer_name": name, "mobile_number": mobile, "region": "North"}

    return [
        _entry(row("", "6100000001"), ["missing_customer_id"]),
        _entry(row("BAD-2", "  "), ["missing_mobile_number"]),
        _entry(row("BAD-3", rng.choice(BAD_MOBILES)), ["invalid_mobile_number"]),
        _entry(row("BAD-4", "6100000004"), ["malformed_record"], damage="surplus"),
        _entry(row("BAD-5", "6100000005"), ["malformed_record"], damage="short"),
        _entry(row("BAD-6", "6100000006", "One"), ["conflicting_customer"]),
        _entry(row("BAD-6", "6100000006", "Two"), ["conflicting_customer"]),
        _entry(row("BAD-7", "6100000007"), ["shared_mobile_number"]),
        _entry(row("BAD-8", "+91 61000 00007"), ["shared_mobile_number"]),
    ]


BAD_MOBILES = ["12345", "5876543210", "+1 9876543210", "98765432101", "9876543x10", "919876543", "९८७६५४३२१०"]
BAD_TIMES = [
    "2025-13-01 10:00:00",
    "2025-02-29",
    "10/13/2025 10:00",
    "2025-10-12T24:00",
    "yesterday",
    "45942",
]
BAD_COUNTS = ["0", "1.5", "-1", "two", "1000000000", "+3"]
BAD_AMOUNTS = ["-5.00", "NaN", "1e3", "10.005", "1,0,0", "₹5 INR", "$5", "5.", "12345678901234"]


def bad_orders(shape, rng, customers):
    """Entries of whole bad orders; each belongs to a known customer, so that counting it would show."""
    recipes = [_spoilt_field(field, texts) for field, texts in _spoilt_fields().items()]
    recipes += [_blank_field(field) for field in _spoilt_fields() | {"order_id": 0, "sku_id": 0}]
    recipes += [_future, _damaged("twice"), _damaged("nested"), _two_reasons]
    recipes += [_conflicting_total, _conflicting_sku, _rejected_for_another]
    entries = []
    for number, recipe in enumerate(recipes, start=900_001):
        when = datetime.combine(SHAPES[shape]["last_day"], time(12, 0))
        order = {**_order(rng.choice(customers), when, 123_456_00), "items": {"SKU-BAD": 1}}
        order["order_id"] = str(number) if shape == "simple" else f"ORD-BAD-{number}"
        entries += recipe(spell_lines(order, shape, rng)[0], rng)
    return entries


def _spoilt_fields():
    return {
        "mobile_number": BAD_MOBILES,
        "order_date_time": BAD_TIMES,
        "sku_count": BAD_COUNTS,
        "total_amount": BAD_AMOUNTS,
    }


def _spoilt_field(field, texts):
    return lambda line, rng: [_entry({**line, field: rng.choice(texts)}, [f"invalid_{field}"])]


def _blank_field(field):
    return lambda line, rng: [_entry({**line, field: rng.choice([None, "", " \t"])}, [f"missing_{field}"])]


def _damaged(how):
    return lambda line, rng: [_entry(line, ["malformed_record"], damage=how)]


def _future(line, rng):
    return [_entry({**line, "order_date_time": "2999-01-01 00:00:00"}, ["future_order"])]


def _two_reasons(line, rng):
    spoilt = {**line, "mobile_number": "12345", "total_amount": "1e3"}
    return [_entry(spoilt, ["invalid_mobile_number", "invalid_total_amount"])]


def _conflicting_total(line, rng):
    other = {**line, "sku_id": "SKU-BAD-2", "total_amount": "1.00"}
    return [_entry(line, ["conflicting_order"]), _entry(other, ["conflicting_order"])]


def _conflicting_sku(line, rng):
    """Two counts of one SKU, and a good third line."""
    return [
        _entry(line, ["conflicting_sku"]),
        _entry({**line, "sku_count": "2"}, ["conflicting_sku"]),
        _entry({**line, "sku_id": "SKU-BAD-2"}, ["order_rejected"]),
    ]


def _rejected_for_another(line, rng):
    spoilt = {**line, "sku_id": "SKU-BAD-2", "sku_count": "0"}
    return [_entry(line, ["order_rejected"]), _entry(spoilt, ["invalid_sku_count"])]


# Deliveries: entries shuffled, repeats added, written.


def _arranged(entries, repeated, rng):
    """Shuffled entries, then repeats of some of them and of one bad one."""
    bad = [entry for entry in entries if entry["reasons"] and entry["damage"] is None]
    rng.shuffle(entries)
    return entries + [{**entry, "kind": "repeat", "reasons": set()} for entry in repeated + bad[:1]]


def _delivery_truth(entries):
    kinds = [entry["kind"] for entry in entries]
    rejects = [(n, e["reasons"]) for n, e in enumerate(entries, start=1) if e["reasons"]]
    return {
        "records": len(entries),
        "accepted": kinds.count("good"),
        "rejected": kinds.count("bad"),
        "repeats": kinds.count("repeat"),
        "rejects": rejects,
    }


def customers_csv(entries, shape, rng):
    """CSV bytes: the daily feed has shuffled columns, a BOM, CRLF and no last line end."""
    daily = shape == "daily"
    columns = ["customer_id", "customer_name", "mobile_number", "region"]
    if daily:
        columns = [*rng.sample(columns, 4), "loyalty_tier"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n" if daily else "\n")
    writer.writerow(columns)
    for entry in entries:
        cells = [entry["fields"].get(column, "gold") for column in columns]
        writer.writerow({"surplus": [*cells, "?"], "short": cells[:-1]}.get(entry["damage"], cells))
    return ("\ufeff" + out.getvalue().rstrip("\r\n") if daily else out.getvalue()).encode()


def orders_xml(entries, shape, rng):
    """XML bytes: the daily feed has no declaration, CRLF, comments and shuffled elements."""
    daily = shape == "daily"
    lines = [] if daily else ['<?xml version="1.0" encoding="UTF-8"?>']
    lines.append("<orders>")
    for entry in entries:
        if daily and rng.random() < 0.1:
            lines.append("  <!-- <order><order_id>not an order</order_id></order> -->")
        lines.append("  <order>")
        lines += [f"    {element}" for element in _elements(entry, daily, rng)]
        lines.append("  </order>")
    lines.append("</orders>")
    return ("\r\n" if daily else "\n").join([*lines, ""]).encode()


def _elements(entry, daily, rng):
    fields = [(name, text) for name, text in entry["fields"].items() if text is not None]
    elements = [f"<{name}>{_xml_text(text, daily, rng)}</{name}>" for name, text in fields]
    if daily:
        rng.shuffle(elements)
        elements.append(rng.choice(["<!-- end -->", "<channel>web</channel>"]))
    if entry["damage"] == "twice":
        elements.append("<sku_id>SKU-TWICE</sku_id>")
    if entry["damage"] == "nested":
        elements = [e.replace("<sku_count>", "<sku_count><b/>") for e in elements]
    return elements


def _xml_text(text, daily, rng):
    if daily and rng.random() < 0.05:
        return f"<![CDATA[{text}]]>"
    if daily and len(text) > 2 and rng.random() < 0.05:
        return f"{escape(text[:2])}<!-- here too -->{escape(text[2:])}"
    return escape(text)


def build(directory, shape, seed, incoming=False):
    """Write `customers.csv` and `orders.xml` (and `incoming/*`) into `directory`; return their truth.

    The truth: `customers` (final versions), `orders` (with `owner`), `deliveries` by file name with
    `records, accepted, rejected, repeats` and `rejects` [(record number, set of reasons)],
    `without_number` (customers whose number another one holds now) and `kpis`.
    """
    rng = random.Random(f"{shape} {seed}")
    customers = make_customers(shape, rng)
    orders = make_orders(shape, rng, customers)
    truth = {"shape": shape, "customers": customers, "orders": orders, "without_number": []}
    files = _incoming_files(truth, rng) if incoming else {}
    files |= _base_files(truth, rng)
    truth["deliveries"] = {name: _delivery_truth(entries) for name, entries in files.items()}
    _write(Path(directory), files, shape, rng)
    if incoming:
        _copy_orders(Path(directory), truth)
    truth["kpis"] = truth_kpis(truth)
    return truth


def _base_files(truth, rng):
    """Every customer and order in its first version, and all the bad records."""
    shape = truth["shape"]
    versions = truth.get("first_versions", {})
    late = truth.get("late", set())
    customers = [
        versions.get(c["customer_id"], c) for c in truth["customers"] if c["customer_id"] not in late
    ]
    orders = [versions.get(o["order_id"], o) for o in truth["orders"] if o["order_id"] not in late]
    rows = [_entry(spell_customer(c, shape, rng)) for c in customers] + bad_customers(rng)
    again = [_entry(spell_customer(c, shape, rng)) for c in rng.sample(customers, 3)]
    lines = [_entry(line) for o in orders for line in spell_lines(o, shape, rng)]
    lines += bad_orders(shape, rng, truth["customers"])
    lines_again = [_entry(line) for o in rng.sample(orders, 5) for line in spell_lines(o, shape, rng)]
    return {
        "customers.csv": _arranged(rows, again, rng),
        "orders.xml": _arranged(lines, lines_again, rng),
    }


def _incoming_files(truth, rng):
    """Later versions, newcomers and numbers that change hands; the base files get the first versions."""
    truth["first_versions"], truth["late"] = {}, set()
    changed = _change_customers(truth, rng)
    changed_orders = _change_orders(truth, rng)
    shape, last_day = truth["shape"], SHAPES[truth["shape"]]["last_day"]
    lines = [_entry(line) for o in changed_orders for line in spell_lines(o, shape, rng)]
    lines.append(_late_future_line(changed_orders[0], last_day + timedelta(days=3), shape, rng))
    rows = [_entry(spell_customer(c, shape, rng)) for c in changed]
    day = last_day + timedelta(days=1)
    return {
        f"incoming/customers_{day:%Y-%m-%d}.csv": _arranged(rows, [], rng),
        f"incoming/orders-{day:%Y%m%d}.xml": _arranged(lines, [], rng),
    }


def _change_customers(truth, rng):
    """Ten new regions, two new numbers (orders of the old ones stay), newcomers with numbers of others."""
    customers = truth["customers"]
    changed = rng.sample(customers[20:-SILENT], 12)
    for customer in changed:
        truth["first_versions"][customer["customer_id"]] = dict(customer)
        customer["region"] = rng.choice(["Northeast", "Overseas"])
    movers = changed[:2]
    for n, customer in enumerate(movers):
        customer["mobile_number"] = f"620000000{n}"
    return changed + _newcomers(truth, rng, taken={c["customer_id"] for c in changed})


def _newcomers(truth, rng, taken):
    givers = [c for c in truth["customers"][20:-SILENT] if c["customer_id"] not in taken][:3]
    newcomers = []
    for n in range(NEWCOMERS):
        customer = _customer(f"NEW-{n:03d}", f"63000000{n:02d}", len(ODD_NAMES), rng)
        if n < len(givers):
            customer["mobile_number"] = givers[n]["mobile_number"]
            _give_orders(truth, givers[n]["customer_id"], customer["customer_id"])
            truth["without_number"].append(givers[n]["customer_id"])
        truth["late"].add(customer["customer_id"])
        newcomers.append(customer)
    truth["customers"] += newcomers
    return newcomers


def _give_orders(truth, giver, receiver):
    """From the day before the file's, which is the last day, the number's orders are the receiver's."""
    for order in truth["orders"]:
        on_last_day = order["order_date_time"].date() == SHAPES[truth["shape"]]["last_day"]
        if order["owner"] == giver and on_last_day:
            order["owner"] = receiver


def _change_orders(truth, rng):
    """Ten orders with other totals and items, and thirty that come late."""
    picked = rng.sample(truth["orders"], 40)
    for order in picked[:10]:
        truth["first_versions"][order["order_id"]] = dict(order)
        order["paise"] += 1_00
        order["items"] = {"SKU-NEW": 1}
    truth["late"] |= {order["order_id"] for order in picked[10:]}
    return picked


def _late_future_line(order, day, shape, rng):
    """A line that is two days after the delivery's date, which is one too many."""
    future = {**order, "order_date_time": datetime.combine(day, time(0, 0)), "items": {"SKU-BAD": 1}}
    future["order_id"] = f"LATE-{order['order_id']}"
    return _entry(spell_lines(future, shape, rng)[0], ["future_order"])


def _write(directory, files, shape, rng):
    for name, entries in files.items():
        render = customers_csv if name.endswith(".csv") else orders_xml
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(render(entries, shape, rng))


def _copy_orders(directory, truth):
    """Copy the base orders to a place before the later day's, where they stand then, and change nothing.

    Behind the later day, they would take all back.
    """
    name = f"incoming/orders-{SHAPES[truth['shape']]['last_day']:%Y%m%d}-again.xml"
    (directory / name).write_bytes((directory / "orders.xml").read_bytes())
    truth["deliveries"][name] = truth["deliveries"].pop("orders.xml")
