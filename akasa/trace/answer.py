"""The answer to a question: each row with its parts and their lines, what is left out, whether it adds up.

Plain data, as `docs/explain.schema.json` has it: whoever shows it, shows this.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from typing import Any

from akasa.kpis.results import rupees
from akasa.trace import claims, parts
from akasa.trace.claims import Claims, because
from akasa.trace.delivered import FILE_BYTES, Workspace
from akasa.trace.left_out import LeftOut, Told
from akasa.trace.proof import Day, Line, Proof
from akasa.trace.question import Question
from akasa.workspace.settings import Settings

Answer = dict[str, Any]
MOST_LEFT_OUT = 200  # that a row tells one by one


@dataclass
class Explained:
    """A question whose lines are gone through: `answer` once all of `lines` were drawn."""

    look: Workspace
    question: Question
    proof: Proof
    left_out: LeftOut = field(init=False)

    def __post_init__(self) -> None:
        self.left_out = LeftOut(self.proof, [])

    def lines(self) -> Iterator[Line]:
        """Yield every line that counts, in the order of deliveries and records."""
        return self.proof.run()

    def answer(self) -> Answer:
        told = sorted(self.left_out.every(), key=_in_order)
        known = self.claims(self.proof.listed)
        rows = [self._row(row, told, known) for row in range(len(self.question.rows))]
        return {
            "kpi": self.question.kpi,
            "as_of": str(self.question.as_of) if self.question.as_of else None,
            **self._options(),
            "of": self.question.of,
            "rows": rows,
            "unread": self.left_out.unread,
            "read_from": self._read_from(),
        }

    def _read_from(self) -> dict[str, str]:
        """Return from where lines were read, by name; other bytes may have lain under it before."""
        found: dict[str, list[str]] = {}
        for one in filter(self._is_told, self.look.deliveries):
            found.setdefault(one.name, []).append(self.look.origin(one))
        return {name: "; ".join(dict.fromkeys(where)) for name, where in found.items()}

    def _options(self) -> dict[str, int]:
        if self.question.after is None:
            return {}
        return {"window_days": self.question.window_days, "top_n": self.question.top_n}

    def _is_told(self, delivery: Any) -> bool:
        return delivery.kind == "orders" and any(
            line.delivery is delivery for lines in self.proof.listed.values() for line in lines
        )

    def _row(self, row: int, told: list[Told], known: Claims) -> Answer:
        own = [order for order in self.proof.listed if self.proof.parts.row[order] == row]
        orders = [self._with_lines(order, known) for order in own]
        repeats = [one for one in self.proof.repeated if self.proof.parts.row[one.order] == row]
        entries = [*(one.entry for one in told if one.row == row), *map(self._repeat, repeats)]
        differences = self.proof.differences(row)
        said = self.question.rows[row]
        return {
            "key": self.question.key(said),
            "value": dict(said),
            "order_count": int((self.proof.parts.row == row).sum()),
            "orders": orders,
            "by_delivery_and_day": self._by_day(row),
            "not_counted": entries[:MOST_LEFT_OUT],
            "not_counted_count": len(entries),
            "adds_up": not differences,
            "differences": differences,
        }

    def order(self, order: int, known: Claims) -> Answer:
        """Return what is told of an order, but for its lines."""
        names = ("order_id", "order_date", "mobile_number")
        of = {name: self.proof.parts.orders[name][order].as_py() for name in names}
        held = known.holder(of["mobile_number"], of["order_date"])
        return {
            "order_id": of["order_id"],
            "order_date": str(of["order_date"]),
            "mobile_number": of["mobile_number"],
            "customer_id": held.customer_id if held else None,
            "because": because(held, of["mobile_number"]),
            "total": rupees(int(self.proof.paise[order])),
        }

    def published(self, order: int) -> str:
        """Return the published total of an order, of which not all lines may be read yet."""
        return rupees(self.proof.parts.orders["total_amount_paise"][order].as_py())

    def _with_lines(self, order: int, known: Claims) -> Answer:
        return {**self.order(order, known), "lines": [_line(one) for one in self.proof.listed[order]]}

    def _repeat(self, line: Line) -> Answer:
        order_id = self.proof.parts.orders["order_id"][line.order].as_py()
        return {"why": "repeated", "order_id": order_id, **_line(line)}

    def _by_day(self, row: int) -> list[Answer]:
        names = [one.name for one in self.look.deliveries]
        return [
            {
                "delivery": names[one.place],
                "order_date": one.day,
                "orders": one.orders,
                "total": rupees(one.paise),
            }
            for one in self._days
            if one.row == row
        ]

    @cached_property
    def _days(self) -> list[Day]:
        return self.proof.summary()

    def claims(self, orders: Collection[int]) -> Claims:
        """Return the claims on the numbers of some orders."""
        if self.question.kpi != "monthly_trends":
            return self.proof.parts.claims
        numbers = self.proof.parts.orders["mobile_number"]
        return claims.of(self.look, {numbers[order].as_py() for order in orders})


def explain(settings: Settings, question: Question, whole: bool = False) -> Explained:
    """Return a question's answer, to be drawn. With `whole`, files of any size are read."""
    return of(Workspace(settings, inf if whole else FILE_BYTES), question)


def of(look: Workspace, question: Question) -> Explained:
    """Return a question's answer, to be drawn, from a workspace that may have been looked at before."""
    return Explained(look, question, Proof(look, question, parts.of(look, question)))


def answered(explained: Explained) -> Answer:
    for _ in explained.lines():
        pass
    return explained.answer()


def _line(line: Line) -> Answer:
    record = line.record
    return {"delivery": line.delivery.name, "record": record.record, "line": record.line, "raw": record.raw}


def _in_order(told: Told) -> tuple[int, str, str]:
    return told.row, told.entry["why"], str(told.entry.get("order_date") or told.entry.get("record") or "")
