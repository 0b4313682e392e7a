"""Dirty deliveries of many ids: what belongs together stands far apart, in any of a delivery's parts."""

from random import Random
from typing import Any

Record = dict[str, Any]

_IDS = 130
_SPELLED = ("{}", " {}", "{}\u200b", "{} ")
_MOBILES = [f"{9000000000 + n}" for n in range(90)]
_TIMES = ("2025-11-14T10:00", "14-11-2025 10:00", "2025-11-14 10:00:01", "2025-12-01", "soon", None)
_TOTALS = ("5", "5.00", "7.5", "-1", None)


def orders(random: Random) -> list[Record]:
    """Return lines of orders: most are good; others conflict, come again, or lack what they need."""
    found = []
    for number in range(_IDS):
        id_, mobile = f"O{number:03}", random.choice(_MOBILES)
        lines = [_line(random, id_, mobile, f"S{sku}") for sku in range(random.randint(1, 3))]
        lines += [dict(random.choice(lines)) for _ in range(random.choice((0, 0, 1, 2)))]
        if random.random() < 0.3:
            spoilt = random.choice(lines)
            field, texts = random.choice(list(_SPOILT.items()))
            spoilt[field] = random.choice(texts)
        found += lines
    return _numbered(random, found)


def customers(random: Random) -> list[Record]:
    """Return customers: some share a number, and some come again, as they were or otherwise."""
    found = []
    for number in range(_IDS):
        one = {
            "customer_id": _spelled(random, f"C{number:03}"),
            "customer_name": random.choice(("Asha", " Asha ", "", "Ra\u00advi")),
            "mobile_number": random.choice(_MOBILES),
            "region": random.choice(("North", "NORTH", None)),
        }
        found.append(one)
        if random.random() < 0.4:
            changed = random.choice(({}, {"region": "West"}, {"mobile_number": "12"}, {"customer_id": " "}))
            found.append(one | changed)
    return _numbered(random, found)


def _line(random: Random, id_: str, mobile: str, sku: str) -> Record:
    fields = {"order_id": _spelled(random, id_), "mobile_number": mobile, "sku_id": sku}
    return fields | {"order_date_time": _TIMES[0], "sku_count": "1", "total_amount": _TOTALS[0]}


def _spelled(random: Random, id_: str) -> str:
    return random.choice(_SPELLED).format(id_)


def _numbered(random: Random, found: list[Record]) -> list[Record]:
    random.shuffle(found)
    return [
        {**one, "record": n, "malformed": random.random() < 0.02, "raw": None}
        for n, one in enumerate(found, start=1)
    ]


_SPOILT = {
    "order_id": (None, " ", "O000", "O129"),
    "mobile_number": (*_MOBILES[:2], "12", None),
    "order_date_time": _TIMES[1:],
    "sku_id": ("S0", None),
    "sku_count": ("01", "2", "0", None),
    "total_amount": _TOTALS[1:],
}
