"""The report's page: one file that opens from disk, asks for nothing, and lets no script run but its own."""

import json
from pathlib import Path
from typing import Any

from akasa import changes
from akasa.changes import Changes
from akasa.ingest import known_by
from akasa.ingest.known_by import Known
from akasa.ingest.staging import Manifest
from akasa.kpis.definitions import DEFINITIONS, UNMATCHED
from akasa.kpis.reconcile import Proof
from akasa.report import (
    audit,
    beside,
    cards,
    drawings,
    explanations,
    facts,
    notes,
    periods,
    proof_file,
    quality_page,
    rejects,
    shown,
    since,
    tables,
    unlike,
)
from akasa.report.cards import Card
from akasa.report.explanations import Explanations
from akasa.report.facts import Facts
from akasa.report.formats import TOLD
from akasa.report.tables import Table
from akasa.stores import database
from akasa.validate import data_docs
from akasa.workspace import files, page
from akasa.workspace.settings import BY_HAND, Settings

TEMPLATES = Path(__file__).parent / "templates" / "front"
NOTHING_EXPLAINED = Explanations({})
CHANGES = "changes.json"
ENGINES = {"sql": "SQL", "pandas": "pandas", "dask": "Dask"}


def write_page(settings: Settings, manifest: Manifest, proof: Proof) -> None:
    """Write `index.html`, the pages beside it with the files that they link to, and `proof.json`; say so.

    The pages are `audit.html`, `explain.html` and `data_quality.html`.

    By hand, Data Docs are written, too, and there are no pages of a run's notebooks to link to.
    """
    by_hand = settings.output_dir == BY_HAND
    proof_file.write(settings, proof)
    known = facts.gather(settings, manifest, proof)
    remembered = known_by.read(settings)
    moved = None if remembered else changes.since_last_run(settings, proof, known.made)
    moved = shown.told(moved) if moved else None
    if moved:
        files.write_text(
            settings.output_dir / CHANGES, json.dumps(moved, indent=1, ensure_ascii=False) + "\n"
        )
    ledger = database.ledger(settings)
    beside.write(settings, every_table(known), ledger)
    index = settings.output_dir / "index.html"
    files.write_text(settings.output_dir / "audit.html", audit.html(known, by_hand))
    told, behind = explanations.html(known, explanations.gather(settings, proof), by_hand)
    files.write_text(settings.output_dir / explanations.PAGE, behind)
    looks = settings.output_dir / quality_page.NAME
    files.write_text(looks.with_suffix(".html"), quality_page.html(known.quality, by_hand))
    files.write_text(looks.with_suffix(".json"), quality_page.told(known.quality))
    aside = rejects.links(settings, ledger)
    files.write_text(index, html(known, aside, by_hand, told, moved, remembered))
    if by_hand:
        data_docs.write(settings)
    print(f"written: {settings.label(index)}")


def html(
    known: Facts,
    kept_aside: list[tuple[str, str]],
    by_hand: bool = False,
    told: Explanations = NOTHING_EXPLAINED,
    moved: Changes | None = None,
    remembered: Known | None = None,
) -> str:
    """Return the page; `kept_aside` are (text, address) of the quarantine files beside it.

    `told` is what the page beside it explains, `moved` what moved since the last run; None where there was
    none to compare. `remembered` says by which day all of it was known, where it is made of that.
    """
    return page.render(
        TEMPLATES,
        "page.html.j2",
        (TEMPLATES / "front.css").read_text("utf-8"),
        facts=known,
        engines=in_words([ENGINES.get(engine, engine) for engine in known.engines]),
        cards=all_cards(known),
        notes=[*notes.not_adding_up(told.wrong), *worth_knowing(known)],
        linked=told.link,
        moved=moved,
        remembered=remembered,
        otherwise=[shown.text(line) for line in remembered.otherwise] if remembered else [],
        since=since,
        drawings=all_drawings(known),
        tables=tables,
        others=[tables.of_kpi(kpi, known) for kpi in known.results if kpi not in TOLD],
        window=periods.window(known.as_of, known.parameters.window_days) if known.as_of else "",
        kept_aside=kept_aside,
        by_hand=by_hand,
    )


def all_cards(known: Facts) -> list[Card]:
    months = cards.trend(known.results["monthly_trends"])
    return [
        *cards.of_orders(months, known.as_of, known.begins),
        cards.repeat(known.came_back[0], known.last_full, *known.came_back[1:]),
        cards.turned_away(known.ledger),
    ]


def worth_knowing(known: Facts) -> list[str]:
    """Return all that is worth knowing, what may mislead first."""
    regions = known.results["regional_revenue"]
    loose = regions[regions["region"] == UNMATCHED]
    return [
        *notes.month_is_open(known.as_of),
        *notes.one_large_order(known.largest, known.revenue),
        *notes.files_refused(known.refused),
        *notes.days_missing(known.named_days),
        *notes.audit_warned(known.audit),
        *unlike.notes(known.quality.new),
        *notes.nothing_delivered(known.last_published, known.made, known.freshness_hours),
        *notes.replaced(known.replaced),
        *notes.older_stand(known.older_stand),
        *notes.unmatched(int(loose["order_count"].sum()), int(loose["total_revenue"].sum()), known.revenue),
        *notes.numbers_changed_hands(known.numbers_changed),
        *notes.lacking(*known.lacking),
    ]


def all_drawings(known: Facts) -> dict[str, Any]:
    return {
        "months": drawings.months(known.results["monthly_trends"], known.as_of),
        "regions": drawings.regions(known.results["regional_revenue"]),
        "spenders": drawings.spenders(known.results["top_spenders"]),
    }


def every_table(known: Facts) -> list[Table]:
    """Return the tables that have a file beside the page."""
    of_kpis = [tables.of_kpi(kpi, known) for kpi in DEFINITIONS if kpi in known.results]
    loose = (tables.unmatched, tables.changed_hands)
    own = (tables.reasons, tables.by_delivery, *loose, tables.totals, tables.verdicts)
    return [*of_kpis, *(table for make in own if len((table := make(known)).frame))]


def in_words(names: list[str]) -> str:
    """Join names.

    >>> in_words(["SQL", "pandas", "Dask"])
    'SQL, pandas and Dask'
    """
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
