"""The audit's page: the four questions that stand before every publish, and how each was answered."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pandas as pd

from akasa.ingest import repairs
from akasa.report import notes
from akasa.report.facts import Facts
from akasa.report.tables import MOST_ROWS
from akasa.validate import data_docs
from akasa.validate.audits import Audit, Finding
from akasa.workspace import page
from akasa.workspace.wording import counted, indian_count, percent

TEMPLATES = Path(__file__).parent / "templates" / "audit"


@dataclass(frozen=True)
class Share:
    """How much of a published delivery was turned away, and whether the gate would let it through."""

    delivery: str
    records: int
    accepted: int
    rejected: int
    repeats: int
    within: bool

    @property
    def is_whole(self) -> bool:
        """Say whether every record has its place."""
        return self.records == self.accepted + self.rejected + self.repeats

    @property
    def percent(self) -> str:
        return percent(self.rejected, self.records)


@dataclass(frozen=True)
class Answer:
    """One of the questions, with what was found."""

    question: str
    found: str
    holds: bool
    address: str


def html(known: Facts, by_hand: bool = False) -> str:
    """Return the page."""
    limit = limit_of(known)
    shares = all_shares(known.ledger, limit)
    return page.render(
        TEMPLATES,
        "page.html.j2",
        facts=known,
        by_hand=by_hand,
        audit=known.audit,
        answers=answers(shares, known.audit, limit),
        shares=shares,
        most=MOST_ROWS,
        limit=in_percent(limit),
        by_table=by_table(known.audit) if known.audit else {},
        found=data_docs,
        counted=counted,
        warnings=notes.audit_warned(known.audit),
    )


def limit_of(known: Facts) -> float:
    """Return what the gate allowed when it let the last new rows through, or would allow now."""
    return known.audit.max_reject_ratio if known.audit else known.max_reject_ratio


def all_shares(ledger: pd.DataFrame, limit: float) -> list[Share]:
    """Return the published deliveries, the latest first; the gate lets a repair through whatever it mends."""
    allowed = Decimal(str(limit))  # as the gate weighs it
    return [
        Share(*parts, within=parts[3] <= allowed * parts[1] or repairs.repaired(row.name) is not None)
        for row in ledger.iloc[::-1].itertuples()
        for parts in [(row.name, row.records, row.accepted, row.rejected, row.repeats)]
    ]


def answers(shares: list[Share], audit: Audit | None, limit: float) -> list[Answer]:
    """Return the four questions in the order in which they are asked."""
    return [_accounted(shares), _few_rejected(shares, limit), _few_replaced(audit), _passed(audit)]


def by_table(audit: Audit) -> dict[str, tuple[Finding, ...]]:
    return {table: audit.of(table).findings for table in audit.rows}


def in_percent(ratio: float) -> str:
    """Return a ratio as people read it.

    >>> in_percent(0.1), in_percent(0.125), in_percent(1.0)
    ('10 %', '12.5 %', '100 %')
    """
    return f"{(Decimal(str(ratio)) * 100).normalize():f} %"


def _accounted(shares: list[Share]) -> Answer:
    parts = {name: sum(getattr(one, name) for one in shares) for name in ("accepted", "rejected", "repeats")}
    lost = [one.delivery for one in shares if not one.is_whole]
    read = counted(sum(one.records for one in shares), "record")
    sums = (
        f"{read} read: {indian_count(parts['accepted'])} accepted, "
        f"{indian_count(parts['rejected'])} turned away, {indian_count(parts['repeats'])} exact repeats"
    )
    found = f"{sums}; they do not add up in {', '.join(lost)}" if lost else sums
    return Answer("Does every record have its place?", found, not lost, "#deliveries")


def _few_rejected(shares: list[Share], limit: float) -> Answer:
    question = "Was little enough of each delivery turned away?"
    allowed = in_percent(limit)
    above = [one for one in shares if not one.within]
    if not shares:
        return Answer(question, "nothing is published yet", True, "#deliveries")
    if above:
        has = "has" if len(above) == 1 else "have"
        found = f"{counted(len(above), 'delivery', 'deliveries')} {has} more than {allowed} turned away"
        return Answer(question, found, False, "#deliveries")
    asked = [one for one in shares if repairs.repaired(one.delivery) is None]
    worst = max(asked or shares, key=lambda one: Decimal(one.rejected) / max(one.records, 1))
    return Answer(question, f"at most {worst.percent} turned away, of {allowed} allowed", True, "#deliveries")


def _few_replaced(audit: Audit | None) -> Answer:
    """Say what the gate allowed: had it found more, nothing would have been published."""
    limit = audit.max_replaced_ratio if audit else 1.0
    found = (
        f"of no new delivery, more than the {in_percent(limit)} allowed"
        if limit < 1
        else "not asked, as MAX_REPLACED_RATIO is 1"
    )
    return Answer("Does little enough of each delivery replace earlier orders?", found, True, "#deliveries")


def _passed(audit: Audit | None) -> Answer:
    question = "Do the tables pass the audit?"
    if audit is None:
        return Answer(question, "no audit that passed is kept", False, "#checks")
    held, every = sum(one.success for one in audit.findings), len(audit.findings)
    found = f"{held} of {counted(every, 'check')} hold"
    warned = f"; {counted(len(audit.warned), 'warning')}" if audit.warned else ""
    return Answer(question, found + warned, not audit.broken, "#checks")
