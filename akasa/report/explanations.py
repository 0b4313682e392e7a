"""The page behind the numbers: of each row that is small enough, the delivered lines that make it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from akasa.kpis.reconcile import Proof
from akasa.report import shown
from akasa.report.facts import Facts
from akasa.report.periods import Month
from akasa.report.tables import LABELS, Table, cell
from akasa.trace import answer, question, words
from akasa.trace.answer import Answer
from akasa.trace.delivered import Workspace
from akasa.workspace import page
from akasa.workspace.settings import Settings

PAGE = "explain.html"
TEMPLATES = Path(__file__).parent / "templates" / "explain"
MOST_BYTES = 1_000_000
FILE_BYTES = 20_000_000  # of a delivery: what a report may take to read its lines from the file itself
MOST_LISTED = 300  # orders of a table that are told one by one
MOST_COUNTED = 10_000  # orders of a table that is told by delivery and day
MOST_DAYS = 1_500
MOST_LEFT_OUT = 10  # that a row tells
BY_DAY = ("monthly_trends", "regional_revenue")
TITLES = {
    "monthly_trends": "Months",
    "regional_revenue": "Regions",
    "top_spenders": "Top spenders",
    "repeat_customers": "Customers with more than one order",
}


@dataclass(frozen=True)
class Explanations:
    """The answers that are told beside the page: KPI → answer; of the others, only the command is."""

    answers: Mapping[str, Answer]

    @property
    def wrong(self) -> int:
        """How many rows do not add up."""
        return sum(not row["adds_up"] for told in self.answers.values() for row in told["rows"])

    def link(self, table: Table) -> Table:
        """Return a table with the addresses of its rows' explanations, or the command that gives them."""
        if table.name in self.answers:
            places = range(1, len(self.answers[table.name]["rows"]) + 1)
            return replace(table, explained=tuple(f"{PAGE}#{anchor(table.name, place)}" for place in places))
        return replace(table, command=command(table)) if table.name in question.KPIS else table


def gather(settings: Settings, proof: Proof) -> Explanations:
    """Return the explanations of all tables that are small enough, as people may see them.

    Lines are read from files that lie in folders and are not large, else from staging.
    """
    found: dict[str, Answer] = {}
    look = Workspace(settings, FILE_BYTES, fetching=False)
    for kpi in TITLES:
        frame = proof.results["sql"][kpi]
        orders = int(frame["order_count"].sum())
        if orders and orders <= (MOST_COUNTED if kpi in BY_DAY else MOST_LISTED):
            given = proof.parameters.window_days, proof.parameters.top_n
            asked = question.of_frame(kpi, frame, proof.as_of, *given, "this report")
            told = answer.answered(answer.of(look, asked))
            if kpi not in BY_DAY or sum(len(row["by_delivery_and_day"]) for row in told["rows"]) <= MOST_DAYS:
                found[kpi] = shown.answer(told)
    return Explanations(found)


def html(known: Facts, found: Explanations, by_hand: bool = False) -> tuple[Explanations, str]:
    """Return the page, of at most 1 MB, and what is on it: the longest tables give way first."""
    while True:
        told = page.render(
            TEMPLATES,
            "page.html.j2",
            (TEMPLATES / "explain.css").read_text("utf-8"),
            facts=known,
            found=found,
            titles=TITLES,
            by_day=BY_DAY,
            words=words,
            anchor=anchor,
            heading=heading,
            when=lambda day: cell("date", day).text,
            label=lambda column: LABELS.get(column, column),
            most=MOST_LEFT_OUT,
            by_hand=by_hand,
        )
        if len(told.encode()) <= MOST_BYTES or not found.answers:
            return found, told
        sizes = {kpi: len(str(told["rows"])) for kpi, told in found.answers.items()}
        longest = max(sizes, key=lambda kpi: sizes[kpi])
        found = Explanations({kpi: told for kpi, told in found.answers.items() if kpi != longest})


def anchor(kpi: str, place: int) -> str:
    """Return the name of a row's place on the page: rows count from 1.

    >>> anchor("top_spenders", 3)
    'top-spenders-3'
    """
    return f"{kpi.replace('_', '-')}-{place}"


def heading(kpi: str, value: Mapping[str, Any]) -> str:
    """Return what a row is called.

    >>> heading("monthly_trends", {"year": 2025, "month": 10})
    'October 2025'
    """
    if kpi == "monthly_trends":
        return Month(value["year"], value["month"]).words
    return str(value.get("customer_name") or value["region"])


def command(table: Table) -> str:
    """Return the command that explains a table's first row."""
    row = table.frame.iloc[0] if len(table.frame) else None
    keys: Sequence[str] = {"monthly_trends": ("year", "month"), "regional_revenue": ("region",)}.get(
        table.name, ("customer_id",)
    )
    where = "" if row is None else " ".join(f"{key}={row[key]}" for key in keys)
    return f"make explain KPI={table.name} WHERE='{where}'"
