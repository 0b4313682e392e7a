"""Write open rejected records back in the shape in which they were delivered, for somebody to mend them.

Each names the record that it mends, so that the file, delivered again under any name, stands right behind
what it repairs. An order is written with all its lines: it is accepted whole or not at all.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import pandas as pd
from lxml import etree

from akasa.ingest import deliveries, parting, repairs, staging
from akasa.ingest.readers import CUSTOMER_FIELDS, ORDER_FIELDS, where
from akasa.report.turned_away import Source, TurnedAway
from akasa.validate import cleaning
from akasa.validate.rules import REASONS
from akasa.workspace import files
from akasa.workspace.settings import Settings

ENDINGS = {kind: ending for ending, kind in deliveries.KINDS.items()}
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PARSER = {"resolve_entities": False, "no_network": True, "load_dtd": False}
Chosen = Callable[[Source, pd.DataFrame], "pd.Series[bool]"]


class CannotExport(ValueError):
    """What was chosen does not fit into one file."""


@dataclass(frozen=True)
class Exported:
    """What was written: rejected records, and lines that were accepted and may belong with one of them.

    `elsewhere` were left out, since a later delivery has them rejected again, and they were not chosen there.
    """

    records: int
    beside: int
    elsewhere: int
    files: tuple[Path, ...]


@dataclass(frozen=True)
class _Batch:
    """What is exported of one delivery: records with number, reasons, detail, their fields and raw."""

    source: Source
    records: pd.DataFrame
    beside: int = 0


def export(found: TurnedAway, kind: str, chosen: Chosen, to: Path) -> Exported:
    """Write the open records of a kind that are chosen to a file, and a CSV's reasons to another beside it.

    Of an order or a customer that several deliveries have rejected, the last version is written, where that
    is chosen. Raises CannotExport for customers whose deliveries have different columns.
    """
    newest, batches, elsewhere = _newest(found, kind), [], 0
    for source in (one for one in found.sources if one.kind == kind):
        records = _open(found, source)
        wanted = _complete(records, chosen(source, records))
        overtaken = _overtaken(found, source, records, newest)
        elsewhere += int((wanted & overtaken).sum())
        mine = records[wanted & ~overtaken]
        if len(mine):
            more = _beside(found.settings, source, mine) if kind == "orders" else mine.head(0)
            both = pd.concat([mine, more]).sort_values("number", ignore_index=True)
            batches.append(_Batch(source, both, len(more)))
    total = sum(len(one.records) - one.beside for one in batches)
    beside = sum(one.beside for one in batches)
    written = _write(found, kind, batches, to) if batches else ()
    return Exported(total, beside, elsewhere, tuple(written))


def _open(found: TurnedAway, source: Source) -> pd.DataFrame:
    records = found.records(source)
    return records[records["open"]].reset_index(drop=True)


def _complete(records: pd.DataFrame, chosen: "pd.Series[bool]") -> "pd.Series[bool]":
    """Mark all records of the orders or customers of which one is chosen."""
    ids = set(records["id"][chosen & (records["id"] != "")])
    return chosen | records["id"].isin(ids)


def _newest(found: TurnedAway, kind: str) -> dict[str, str]:
    newest: dict[str, str] = {}
    for source in (one for one in found.sources if one.kind == kind):
        ids = _open(found, source)["id"]
        newest |= dict.fromkeys(ids[ids != ""], source.position)
    return newest


def _overtaken(
    found: TurnedAway, source: Source, records: pd.DataFrame, newest: dict[str, str]
) -> "pd.Series[bool]":
    """Mark records of which a later delivery, or a repair of them, has a version that was rejected, too."""
    answers = [found.answers.get((source.sha256, number)) for number in records["number"]]
    again = pd.Series([bool(one and one.position > source.position) for one in answers], dtype="bool")
    again = _complete(records, again)
    later = pd.Series([newest.get(one, "") > source.position for one in records["id"]], dtype="bool")
    return again | later


def _beside(settings: Settings, source: Source, records: pd.DataFrame) -> pd.DataFrame:
    """Return lines of the same number and time as one without an order id: it may be one of their order.

    Without them, the mended line would be its whole order.
    """
    lost = records[records["id"] == ""]
    if lost.empty or not staging.is_there(settings.staging, source.kind, source.sha256):
        return records.head(0)
    raw = staging.read(settings.staging, source.kind, source.sha256)
    clean = cleaning.clean_orders(raw, settings.source_timezone, settings.business_timezone)
    moment = pd.MultiIndex.from_frame(clean[["mobile_number", "order_date_time"]])
    numbers = raw["record"].to_pandas()
    theirs = moment[
        numbers.isin(lost["number"]).to_numpy() & clean.notna()[moment.names].all(axis=1).to_numpy()
    ]
    ids = clean["order_id"][moment.isin(theirs)].dropna()
    wanted = clean["order_id"].isin(ids).to_numpy() & ~numbers.isin(records["number"]).to_numpy()
    more = raw.to_pandas()[wanted].assign(number=lambda rows: rows["record"], reasons="", detail="", id="")
    return more.reindex(columns=records.columns).astype(object).fillna("")


def _write(found: TurnedAway, kind: str, batches: Sequence[_Batch], to: Path) -> list[Path]:
    if kind == "orders":
        with files.private(), files.atomic(to) as part:
            part.write_text("".join(_xml(found, batches)), "utf-8", newline="\n")
        return [to]
    aside = to.with_name(f"{to.stem}.reasons.txt")
    header, rows = _rows(found, batches)
    with files.private(), files.atomic(to) as part:
        # A BOM, so that a spreadsheet shows every script right, and saves it so.
        part.write_bytes("\n".join(["\ufeff" + header, *rows, ""]).encode())
        files.write_text(aside, "".join(_told(found, batches)))
    return [to, aside]


def _xml(found: TurnedAway, batches: Sequence[_Batch]) -> Iterator[str]:
    names = ", ".join(one.source.name for one in batches)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f"<!-- {_comment(f'Rejected orders of {names}: mend what a comment names')}\n"
    yield f"     {_comment(f'leave {repairs.FIELD} as it is, and deliver the file again')} -->\n<orders>\n"
    for one in batches:
        for row in one.records.to_dict("records"):
            yield f"  <!-- {_comment(_why(row))} -->\n"
            yield _order(str(found.mark(one.source, row["number"])), row)
    yield "</orders>\n"


def _order(mark: str, row: dict[str, str]) -> str:
    if row["raw"]:
        return _malformed_order(mark, row["raw"])
    lines = [(repairs.FIELD, mark), *((name, row[name]) for name in ORDER_FIELDS)]
    # A carriage return that is written as it is would be read as a line's end.
    texts = [(name, escape(text, {"\r": "&#13;"})) for name, text in lines]
    return "".join(["  <order>\n", *(f"    <{n}>{t}</{n}>\n" for n, t in texts), "  </order>\n"])


def _malformed_order(mark: str, raw: str) -> str:
    order = etree.fromstring(raw.encode(), etree.XMLParser(**_PARSER))
    for before in order.findall(f"{{*}}{repairs.FIELD}"):
        order.remove(before)
    own = etree.Element(repairs.FIELD)
    own.text, own.tail = mark, "\n    "
    order.insert(0, own)
    return f"  {etree.tostring(order, encoding='unicode', with_tail=False)}\n"


def _rows(found: TurnedAway, batches: Sequence[_Batch]) -> tuple[str, list[str]]:
    """Return header and rows of customers: as they stand in their files, where those are still there."""
    headers, rows = [], list[str]()
    for one in batches:
        there = delivered(found.settings, one.source)
        own = where.rows(there, set(one.records["number"])) if there else {}
        headers.append(own[0][1] if own else ",".join(CUSTOMER_FIELDS))
        for row in one.records.to_dict("records"):
            number = row["number"]
            text = (
                own[number][1]
                if number in own
                else row["raw"] or ",".join(_quoted(row[n]) for n in CUSTOMER_FIELDS)
            )
            rows.append(f"{_quoted(str(found.mark(one.source, number)))},{text}")
    if len(set(headers)) > 1:
        names = ", ".join(one.source.name for one in batches)
        raise CannotExport(f"{names} have different columns: export one at a time, by --delivery")
    return f"{repairs.FIELD},{headers[0]}", rows


def _told(found: TurnedAway, batches: Sequence[_Batch]) -> Iterator[str]:
    for one in batches:
        for row in one.records.to_dict("records"):
            yield f"{found.mark(one.source, row['number'])}: {_why(row)}\n"


def _why(row: dict[str, str]) -> str:
    if not row["reasons"]:
        return "accepted; the line without an order_id may be one of this order"
    reasons = "; ".join(
        f"{code}: {REASONS.get(code, 'a reason of the past')}" for code in row["reasons"].split()
    )
    return f"{reasons} ({row['detail']})" if row["detail"] else reasons


def _comment(text: str) -> str:
    """Return a text as it can stand in a comment of an XML: no two dashes, no control characters."""
    return _NOT_XML.sub("?", text).replace("--", "- -").replace("--", "- -").rstrip("-")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search(r'[",\r\n]', text) else text


def delivered(settings: Settings, source: Source) -> Path | None:
    """Return the file that a delivery came as, where its bytes still lie under its name."""
    repaired = repairs.repaired(source.name)
    name = repaired.file if repaired else source.name
    base = {"customers": settings.customers_csv, "orders": settings.orders_xml}[source.kind]
    path = settings.incoming / name.partition("/")[2] if deliveries.rank(name) else base
    if not path.is_file():
        return None
    sha256 = files.sha256(path)
    return path if source.sha256 in (sha256, parting.digest(sha256, source.name)) else None
