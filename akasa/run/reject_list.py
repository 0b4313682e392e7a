"""List what was turned away: for people the first records, for programs all of them, as they come."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import pandas as pd

from akasa.ingest import readers
from akasa.ingest.readers import where
from akasa.report import rejects, repair, shown
from akasa.report.turned_away import Source, TurnedAway
from akasa.validate.rules import REASONS
from akasa.workspace import spreadsheet
from akasa.workspace.wording import counted

MOST_SHOWN = 50
COLUMNS = ("kind", "delivery", "record", "line", "id", "reasons", "open", "detail", "raw")
_SHOWN = ("delivery", "record", "line", "id", "open", "reasons")
Row = dict[str, Any]


class Unknown(LookupError):
    """There is no such reason or delivery; the message says which come nearest."""


@dataclass(frozen=True)
class Choice:
    """Which rejected records: with a reason, of a delivery, open ones alone."""

    reason: str | None = None
    delivery: str | None = None
    only_open: bool = False

    def of(self, source: Source, records: pd.DataFrame) -> "pd.Series[bool]":
        """Mark those of a delivery's records that are chosen."""
        every = pd.Series(self.is_of(source), index=records.index, dtype="bool")
        if self.reason:
            every &= records["reasons"].str.split().map(lambda codes: self.reason in codes).astype(bool)
        return every & records["open"] if self.only_open else every

    def is_of(self, source: Source) -> bool:
        """Say whether a delivery is chosen; a file that repairs several is each of them."""
        return self.delivery in (None, source.name) or source.name.startswith(f"{self.delivery}/")

    def __str__(self) -> str:
        parts = [f"for {self.reason}" if self.reason else "", f"of {self.delivery}" if self.delivery else ""]
        return " ".join(["", *filter(None, parts)])


def choice(found: TurnedAway, reason: str | None, delivery: str | None, only_open: bool) -> Choice:
    """Return what to list. A delivery may go by its file's name alone. Raises Unknown."""
    if reason is not None and reason not in REASONS:
        raise Unknown(f"there is no reason {reason!r}{_near(reason, list(REASONS), 'docs/rules.md has all')}")
    if delivery is None or delivery in found.names:
        return Choice(reason, delivery, only_open)
    if f"incoming/{delivery}" in found.names:
        return Choice(reason, f"incoming/{delivery}", only_open)
    rest = "no delivery is known yet" if not found.names else "`python -m akasa status` lists them"
    raise Unknown(f"there is no delivery {delivery!r}{_near(delivery, found.names, rest)}")


def rows(found: TurnedAway, choice: Choice, most: int | None = None) -> Iterator[Row]:
    """Yield the chosen records, as people may see them, in delivery order; `most` at most."""
    left = most
    for source in filter(choice.is_of, found.sources):
        records = found.records(source)
        mine = records[choice.of(source, records)].head(len(records) if left is None else left)
        if len(mine):
            yield from _rows(found, source, mine)
        left = None if left is None else left - len(mine)
        if left == 0:
            return


def totals(found: TurnedAway, choice: Choice) -> tuple[int, int]:
    """Return how many records are chosen, and how many of them are open."""
    chosen = [_chosen_and_open(found, choice, one) for one in filter(choice.is_of, found.sources)]
    return sum(all_ for all_, _ in chosen), sum(still for _, still in chosen)


def table(found: TurnedAway, choice: Choice) -> str:
    """Return the first records below each other, each with its raw text, and how many there are."""
    many, still = totals(found, choice)
    if not many:
        return nothing(choice)
    first = list(rows(found, choice, MOST_SHOWN))
    cells = [_SHOWN, *(tuple(_cell(row[name]) for name in _SHOWN) for row in first)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    padded = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]
    raws = [f"    {readers.shown(row['raw'])}" for row in first]
    body = [padded[0], *(line for pair in zip(padded[1:], raws, strict=True) for line in pair)]
    return "\n".join([*body, "", f"{counted(many, 'rejected record')}{choice}, {still:,} open{_rest(many)}"])


def nothing(choice: Choice) -> str:
    return f"no {'open ' if choice.only_open else ''}rejected record{choice}"


def as_json(found: TurnedAway, choice: Choice) -> Iterator[str]:
    """Yield a JSON list of the records in parts: reasons as a list, `open` true or false."""
    before = "[\n"
    for row in rows(found, choice):
        told = {name: row[name] for name in COLUMNS} | {"reasons": row["reasons"].split()}
        yield before + json.dumps(told, ensure_ascii=False)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def as_csv(found: TurnedAway, choice: Choice) -> Iterator[str]:
    """Yield a CSV of the records in parts, safe for a spreadsheet."""
    yield ",".join(COLUMNS) + "\n"
    for row in rows(found, choice):
        yield ",".join(spreadsheet.field(_cell(row[name])) for name in COLUMNS) + "\n"


def exported(done: repair.Exported, to: str) -> str:
    """Return in words what was written, and what to do with it."""
    beside = f" and {counted(done.beside, 'line')} that may belong with them" if done.beside else ""
    aside = f"; why each was turned away: {done.files[1].name}" if len(done.files) > 1 else ""
    elsewhere = _elsewhere(done.elsewhere)
    return (
        f"wrote {counted(done.records, 'rejected record')}{beside} to {to}{aside}{elsewhere}\n"
        "mend it in a text editor, put it into the incoming folder under any new name, and run the report: "
        "each record stands right behind the one that it repairs"
    )


def _elsewhere(records: int) -> str:
    what = counted(records, "record")
    return f"\nleft out: {what} that a later delivery has rejected again, as it came there" if records else ""


def _chosen_and_open(found: TurnedAway, choice: Choice, source: Source) -> tuple[int, int]:
    records = found.records(source)
    mine = records["open"][choice.of(source, records)]
    return len(mine), int(mine.sum())


def _rows(found: TurnedAway, source: Source, records: pd.DataFrame) -> Iterator[Row]:
    file = repair.delivered(found.settings, source)
    lines = where.lines(file, source.kind, set(records["number"])) if file else {}
    name = shown.text(source.name)
    for row in shown.raw(records).to_dict("records"):
        yield {
            "kind": source.kind,
            "delivery": name,
            "record": row["number"],
            "line": lines.get(row["number"]),
            "id": row["id"],
            "reasons": row["reasons"],
            "open": row["open"],
            "detail": row["detail"],
            "raw": rejects.as_it_came({n: v for n, v in row.items() if n not in ("number", "id", "open")}),
        }


def _cell(value: Any) -> str:
    return "" if value is None else ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _rest(many: int) -> str:
    return f"; the first {MOST_SHOWN} are shown, --format csv or json has all" if many > MOST_SHOWN else ""


def _near(name: str, known: Sequence[str], otherwise: str) -> str:
    near = get_close_matches(name, known, 3, 0.5)
    return f"; did you mean {' or '.join(near)}?" if near else f"; {otherwise}"
