"""Tables read in a sentence, computed from them: what a notebook says below a table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from IPython.display import Markdown

from akasa.ingest.staging import Manifest
from akasa.kpis.definitions import UNMATCHED
from akasa.kpis.reconcile import Proof
from akasa.report import formats
from akasa.report.formats import indian, indian_count
from akasa.stores import database
from akasa.validate import judging
from akasa.validate.plan import Plan
from akasa.validate.verdicts import Judged
from akasa.workspace import settings


def sentence(about: str, thing: Any) -> Markdown:
    """Read a table in a sentence: a KPI's by its name, or what `about` says of it.

    That is manifest, plan, counts, turned_away, reasons, tables, verdicts or agreement.

    A KPI without a sentence of its own is read by its number of rows.
    """
    return _SENTENCES[about](thing) if about in _SENTENCES else Markdown(f"**{_count(len(thing), 'row')}**.")


def manifest(found: Manifest) -> Markdown:
    records = sum(one.records for one in found.staged)
    again = sum(len(one.also_named) for one in found.staged)
    return Markdown(
        f"**{_count(records, 'record')}** in {_count(len(found.staged), 'delivery', 'deliveries')}; "
        f"{_count(again, 'name')} repeat bytes that lie there already, "
        f"{_count(len(found.refused), 'file')} refused."
    )


def plan(found: Plan) -> Markdown:
    """Say how many deliveries are new, and how many come again."""
    new, again = (sum(one.status == status for one in found) for status in ("new", "again"))
    back = f", {_count(again, 'delivery', 'deliveries')} again" if again else ""
    return Markdown(f"{_count(new, 'delivery', 'deliveries')} new{back}.")


def counts(table: pd.DataFrame) -> Markdown:
    """Read one row a delivery with records, accepted, rejected, repeats."""
    if table.empty:
        return Markdown("Nothing is new, so nothing is to be judged.")
    total = table[["records", "accepted", "rejected", "repeats"]].sum()
    return Markdown(
        f"Of **{_count(int(total['records']), 'record')}**, "
        f"{indian_count(int(total['accepted']))} were accepted, "
        f"{indian_count(int(total['rejected']))} turned away, and "
        f"{indian_count(int(total['repeats']))} repeated an earlier one."
    )


def turned_away(judged: Sequence[Judged]) -> Markdown:
    """Name the most frequent reason; with nothing new, say how many records were turned away before."""
    if judged:
        return reasons(judging.by_reason(judged))
    before = database.ledger(settings.load())[["records", "rejected"]].sum()
    rejected, records = indian_count(int(before["rejected"])), _count(int(before["records"]), "record")
    return Markdown(f"Nothing new this time; {rejected} of {records} were turned away before.")


def tables(published: Mapping[str, pd.DataFrame]) -> Markdown:
    """Say how many rows of each table are to be published."""
    rows = [_count(len(frame), "row") + f" of `{name}`" for name, frame in published.items() if len(frame)]
    return Markdown(f"To be published: {', '.join(rows)}." if rows else "No row is to be published.")


def verdicts(table: pd.DataFrame) -> Markdown:
    """Read one row an expectation with its severity and success."""
    if table.empty:
        return Markdown("There are no new rows to audit.")
    hold = int(table["success"].sum())
    warned = int((~table["success"] & (table["severity"] == "warning")).sum())
    told = f"; {_count(warned, 'warning')}, which the report tells" if warned else ""
    on = f"on {table['table'].nunique()} tables"
    return Markdown(f"**{hold} of {len(table)} expectations hold**, {on}{told}.")


def monthly_trends(frame: pd.DataFrame) -> Markdown:
    if frame.empty:
        return Markdown("There are no orders up to this day.")
    best = frame.loc[frame["total_revenue"].idxmax()]
    month = pd.Timestamp(int(best["year"]), int(best["month"]), 1).strftime("%B %Y")
    return Markdown(
        f"**{_count(int(frame['order_count'].sum()), 'order')}** in {_count(len(frame), 'month')} brought "
        f"**{indian(int(frame['total_revenue'].sum()))}**; {month} brought the most, "
        f"{indian(int(best['total_revenue']))}."
    )


def regional_revenue(frame: pd.DataFrame) -> Markdown:
    if frame.empty:
        return Markdown("There are no orders up to this day.")
    first = frame.iloc[0]
    share = formats.percent(int(first["total_revenue"]), int(frame["total_revenue"].sum()))
    unmatched = int(frame.loc[frame["region"] == UNMATCHED, "order_count"].sum())
    return Markdown(
        f"**{_plain(first['region'])}** leads with {indian(int(first['total_revenue']))}, "
        f"{share} of the revenue; {_count(unmatched, 'order')} without a known customer."
    )


def repeat_customers(frame: pd.DataFrame) -> Markdown:
    if frame.empty:
        return Markdown("Nobody came back yet.")
    first = frame.iloc[0]
    return Markdown(
        f"**{_count(len(frame), 'customer')}** came back; {_plain(first['customer_id'])} heads the list with "
        f"{_count(int(first['order_count']), 'order')}."
    )


def top_spenders(frame: pd.DataFrame) -> Markdown:
    if frame.empty:
        return Markdown("No known customer ordered in this window.")
    first = frame.iloc[0]
    return Markdown(
        f"The first {len(frame)} spent **{indian(int(frame['total_spent'].sum()))}** together; "
        f"{_plain(first['customer_id'])} alone {indian(int(first['total_spent']))}."
    )


def reasons(found: pd.DataFrame) -> Markdown:
    """Read one row a reason with its records."""
    if found.empty:
        return Markdown("Nothing was turned away.")
    first = found.loc[found["records"].idxmax()]
    return Markdown(
        f"{_count(len(found), 'reason')}; the most frequent is `{first['reason']}` "
        f"({_count(int(first['records']), 'record')})."
    )


def agreement(proof: Proof) -> Markdown:
    loose = int((~proof.totals["ties"]).sum())
    engines = " and ".join(proof.results)
    if proof.holds:
        return Markdown(
            f"**{engines} agree in every value**, and all {len(proof.totals)} control totals tie."
        )
    return Markdown(
        f"**{engines} do NOT agree**: {_count(len(proof.differences), 'differing value')}, "
        f"{_count(loose, 'control total')} loose."
    )


def listed(things: Sequence[str], nothing: str) -> Markdown:
    """List texts as bullets, or say that there are none."""
    return Markdown("\n".join(f"- {_plain(thing)}" for thing in things) or nothing)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{indian_count(number)} {one if number == 1 else many or one + 's'}"


def _plain(text: str) -> str:
    """Return text that Markdown and HTML show as it is, whatever a delivery put into it."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")
    return "".join(f"\\{c}" if c in r"\`*_{}[]()#+-.!|~$" else c for c in escaped)


_SENTENCES: dict[str, Callable[[Any], Markdown]] = {
    one.__name__: one
    for one in (
        *(manifest, plan, counts, turned_away, reasons, tables, verdicts, agreement),
        *(monthly_trends, regional_revenue, repeat_customers, top_spenders),
    )
}
