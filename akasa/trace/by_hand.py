"""`ak.explain` in a notebook: an answer that shows itself as a page would, and holds plain data."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from akasa.stores import lock, published
from akasa.trace import answer, question, words
from akasa.trace.answer import Answer
from akasa.trace.proof import FIRST_ORDERS
from akasa.workspace.settings import load
from akasa.workspace.wording import counted


class Explanation(Mapping[str, Any]):
    """An answer as plain data: `["rows"]`, of each its orders with their lines; `adds_up` of them all."""

    def __init__(self, told: Answer) -> None:
        self._told = told

    def __getitem__(self, name: str) -> Any:
        return self._told[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._told)

    def __len__(self) -> int:
        return len(self._told)

    @property
    def adds_up(self) -> bool:
        return all(row["adds_up"] for row in self["rows"])

    def __repr__(self) -> str:
        return words.text(self._told)

    def _repr_html_(self) -> str:
        return html(self._told)


def explain(
    kpi: str, as_of: str | None = None, window_days: int | None = None, top_n: int | None = None, **key: Any
) -> Explanation:
    """Explain the rows of a KPI that have some values: each order, its delivered lines, and what is left out.

    By default of the day, window and number of the last report. All is recomputed from the lines alone;
    `.adds_up` says whether it comes to what was reported.
    Raises NotAsked, a ValueError that lists what there is.

    Example: `ak.explain("regional_revenue", region="North")`
    """
    chosen = load()
    published.require(chosen, "sql")
    asked = question.ask(chosen, kpi, key, as_of, window_days, top_n)
    question.require_few(asked)
    told = answer.answered(answer.explain(chosen, asked))
    return Explanation(words.masked(told) if chosen.mask_pii and not lock.is_by_hand() else told)


def html(told: Answer) -> str:
    """Return an answer as HTML: a table of orders for each row, their lines folded below each."""
    days = f" up to {told['as_of']}" if told["as_of"] else ""
    head = f"<p><b>{escape(told['kpi'])}</b>{escape(days)}, as in {escape(told['of'])}</p>"
    return head + "".join(_row(told["kpi"], row) for row in told["rows"])


def _row(kpi: str, row: Answer) -> str:
    key = " ".join(f"{column}={value}" for column, value in row["key"].items())
    value = " · ".join(f"{column} {text}" for column, text in words.worded(kpi, row["value"]))
    orders = row["orders"][:FIRST_ORDERS]
    rest = row["order_count"] - len(orders)
    more = f"<p>… and {counted(rest, 'order')} more</p>" if rest else ""
    wrong = f"DOES NOT ADD UP: {'; '.join(row['differences'])}"
    verdict = "adds up" if row["adds_up"] else wrong
    left = "".join(f"<li>{_left_out(entry)}</li>" for entry in row["not_counted"][:FIRST_ORDERS])
    below = f"<p>Not counted:</p><ul>{left}</ul>" if left else ""
    said = f"<h4>{escape(key)}</h4><p>{escape(value)} · <b>{escape(verdict)}</b></p>"
    return f"{said}{_orders(orders)}{more}{below}"


def _orders(orders: list[Answer]) -> str:
    titles = ("Order", "Day", "Total", "Whose, and why", "Lines as they were delivered")
    head = "".join(f'<th scope="col" style="text-align: left">{title}</th>' for title in titles)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(map(_order, orders))}</tbody></table>"


def _order(order: Answer) -> str:
    texts = (order["order_id"], order["order_date"], words.money(order["total"]), order["because"])
    cells = "".join(f'<td style="text-align: left">{escape(text)}</td>' for text in texts)
    lines = "".join(_line(line) for line in order["lines"])
    summary = f"<summary>{counted(len(order['lines']), 'line')}</summary>"
    return f'<tr>{cells}<td style="text-align: left"><details>{summary}{lines}</details></td></tr>'


def _line(line: Answer) -> str:
    return f"<p>{escape(words.place(line))}</p><pre>{escape(line['raw'])}</pre>"


def _left_out(entry: Answer) -> str:
    what = entry.get("order_id") or entry.get("customer_id") or "a record"
    where = words.place(entry) if "record" in entry else entry["delivery"]
    return escape(f"{what}: {words.because(entry)}; {where}")
