"""An answer as people read it: text for a console, CSV, and what MASK_PII leaves of the numbers in it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from akasa.kpis.definitions import DEFINITIONS
from akasa.trace.answer import Answer, Explained
from akasa.trace.proof import FIRST_ORDERS
from akasa.workspace import masking, spreadsheet
from akasa.workspace.wording import counted, indian

_RAW_NUMBER = re.compile(
    r"(<(?:[\w.-]+:)?mobile_number[^<>]*>)(.*?)(?=</(?:[\w.-]+:)?mobile_number)", re.DOTALL
)
_DIGIT = re.compile(r"\d")
_FEW_LEFT_OUT, _LINES = 20, 20_000
WHY = {
    "rejected": "turned away",
    "replaced": "replaced by a later delivery",
    "repeated": "repeats a line exactly",
    "after as_of": "later than the day asked for",
    "before the window": "before the days that count",
    "another holder's": "in another holder's time",
}
OF_CSV = (
    "order_id",
    "order_date",
    "mobile_number",
    "customer_id",
    "total",
    "delivery",
    "record",
    "line",
    "raw",
)


def text(answer: Answer) -> str:
    """Return an answer as a console shows it."""
    head = f"{answer['kpi']} up to {answer['as_of']}, as in {answer['of']}"
    if "window_days" in answer:
        head += f"; {answer['window_days']} days, the first {answer['top_n']}"
    parts = [head, *(_row(answer["kpi"], row) for row in answer["rows"])]
    read = [f"{name}: lines are read from {where}" for name, where in answer["read_from"].items()]
    return "\n\n".join(
        [*parts, "\n".join([*read, *(f"not looked through: {one}" for one in answer["unread"])])]
    )


def lines(explained: Explained, mask: bool = False) -> Iterator[str]:
    """Yield the lines that count as CSV, as they are read, the header first."""
    question, drawn = explained.question, explained.lines()
    yield _csv(["kpi", *question.key_columns, *OF_CSV])
    while part := list(islice(drawn, _LINES)):
        known = explained.claims({line.order for line in part})
        for line in part:
            order = explained.order(line.order, known)
            order["total"] = explained.published(line.order)
            number, raw = order["mobile_number"], line.record.raw
            order |= (
                {"mobile_number": masking.number(number), "raw": raw_masked(raw)} if mask else {"raw": raw}
            )
            place = (line.delivery.name, line.record.record, line.record.line, order["raw"])
            key = question.key(question.rows[int(explained.proof.parts.row[line.order])])
            yield _csv([question.kpi, *key.values(), *(order[name] for name in OF_CSV[:5]), *place])


def masked(answer: Any, name: str = "") -> Any:
    """Return what is told with its mobile numbers masked, and all digits of a record that has no fields."""
    match answer:
        case str():
            return raw_masked(answer) if name == "raw" else masking.text(answer)
        case list():
            return [masked(one, name) for one in answer]
        case dict():
            return {masking.text(key): _masked_part(answer, key, part) for key, part in answer.items()}
    return answer


def _masked_part(of: Mapping[str, Any], name: str, part: Any) -> Any:
    if name == "mobile_number" and isinstance(part, str):
        return masking.number(part)
    if name == "raw":
        number = of.get("mobile_number") or ""
        shown = part.replace(number, masking.number(number)) if number else part
        return _DIGIT.sub("x", part) if "malformed_record" in of.get("reasons", ()) else raw_masked(shown)
    return masked(part, name)


def raw_masked(raw: str) -> str:
    """Return a record as it came, without its mobile number, however that is written.

    >>> raw_masked("<order><mobile_number>97000 &#48;0011</mobile_number><sku_id>S</sku_id></order>")
    '<order><mobile_number>xxxxx &#xx;xxxx</mobile_number><sku_id>S</sku_id></order>'
    """
    return masking.raw(_RAW_NUMBER.sub(lambda found: found[1] + _hidden(found[2]), raw))


def _hidden(number: str) -> str:
    """Return a number masked as others are, where it is of a usual form; else all its digits."""
    usual = masking.text(number)
    return usual if usual != number else _DIGIT.sub("x", number)


def compact(raw: str) -> str:
    """Return a record in one line.

    >>> compact("<order>\\n    <sku_id>S</sku_id>\\n  </order>")
    '<order><sku_id>S</sku_id></order>'
    """
    return re.sub(r"\s+", " ", re.sub(r"(?<=>)\s+(?=<)", "", raw)).strip()


def place(line: Mapping[str, Any]) -> str:
    """Return where a record stands."""
    at = f", line {line['line']}" if line.get("line") else ""
    return f"{line['delivery']}, record {line['record']}{at}"


def because(entry: Mapping[str, Any]) -> str:
    """Say why something does not count."""
    why = WHY[entry["why"]]
    more = {
        "rejected": f": {', '.join(entry.get('reasons', ()))}",
        "replaced": f", {by(entry)}",
        "another holder's": f", {entry.get('customer_id')}'s",
    }
    return why + more.get(entry["why"], "")


def by(entry: Mapping[str, Any]) -> str:
    """Return what has replaced something, where several deliveries may have lain under one name."""
    return "other bytes under its name" if entry.get("by") == entry["delivery"] else str(entry.get("by"))


def money(text: str) -> str:
    """Return rupees of two decimals as people write them."""
    return indian(int(text.replace(".", "")))


def worded(kpi: str, value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the columns of a row that are no key, with their values."""
    definition = DEFINITIONS[kpi]
    for column, kind in definition.columns.items():
        if column not in definition.key:
            yield column, money(value[column]) if kind == "paise" else str(value[column])


def _row(kpi: str, row: Answer) -> str:
    key = " ".join(f"{column}={value}" for column, value in row["key"].items())
    value = " · ".join(f"{column} {text}" for column, text in worded(kpi, row["value"]))
    told = [f"{key}\n  {value}", *(_order(order) for order in row["orders"][:FIRST_ORDERS])]
    rest = row["order_count"] - min(len(row["orders"]), FIRST_ORDERS)
    if rest:
        told.append(
            f"  … and {counted(rest, 'order')} more: --format csv has every line\n  by delivery and day:\n"
            + _by_day(row)
        )
    left = [f"  {_left_out(entry)}" for entry in row["not_counted"][:_FEW_LEFT_OUT]]
    more = row["not_counted_count"] - len(left)
    left += [f"  … and {more:,} more (--format json)"] if more else []
    told += ["not counted:", *left] if left else []
    return "\n".join([*told, _verdict(row)])


def _order(order: Answer) -> str:
    head = f"  {order['order_id']}  {order['order_date']}  {money(order['total'])}  {order['because']}"
    return "\n".join([head, *(f"    {place(line)}: {compact(line['raw'])}" for line in order["lines"])])


def _by_day(row: Answer) -> str:
    return "\n".join(
        f"    {one['delivery']}  {one['order_date']}  {one['orders']:,} orders  {money(one['total'])}"
        for one in row["by_delivery_and_day"]
    )


def _left_out(entry: Mapping[str, Any]) -> str:
    what = entry.get("order_id") or entry.get("customer_id") or "a record"
    if "record" in entry:
        return f"{what}: {because(entry)}; {place(entry)}: {compact(entry['raw'])}"
    return f"{what}  {entry['order_date']}  {money(entry['total'])}  {because(entry)}; {entry['delivery']}"


def _verdict(row: Answer) -> str:
    if row["adds_up"]:
        orders = counted(row["order_count"], "order")
        return f"adds up: {orders}, recomputed from the delivered lines to the paisa"
    return "DOES NOT ADD UP: " + "; ".join(row["differences"])


def _csv(values: Iterable[Any]) -> str:
    return ",".join(spreadsheet.field("" if value is None else str(value)) for value in values) + "\n"
