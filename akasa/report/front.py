"""The report's page: one file that opens from disk, asks for nothing, and lets no script run but its own."""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from akasa.ingest.staging import Manifest
from akasa.kpis.definitions import DEFINITIONS, UNMATCHED
from akasa.kpis.reconcile import Proof
from akasa.report import beside, cards, drawings, facts, notes, periods, proof_file, rejects, tables
from akasa.report.cards import Card
from akasa.report.facts import Facts
from akasa.report.formats import TOLD, indian_count
from akasa.report.tables import Table
from akasa.stores import database
from akasa.workspace import files
from akasa.workspace.settings import Settings

TEMPLATES = Path(__file__).parent / "templates" / "front"
_LONG = re.compile(r"[^ ]{13,}")
_SEPARATOR = re.compile(r"[-/_,](?=.)")
_UNBROKEN = re.compile(r"[^\0]{12}(?=[^\0]{4})")
_BREAK = "\0"  # no text of ours holds it
ENGINES = {"sql": "SQL", "pandas": "pandas", "dask": "Dask"}


def write_page(settings: Settings, manifest: Manifest, proof: Proof) -> None:
    """Write `index.html`, the files that it links to, and `proof.json`, to the output folder; say so."""
    proof_file.write(settings, proof)
    known = facts.gather(settings, manifest, proof)
    ledger = database.ledger(settings)
    beside.write(settings, every_table(known), ledger)
    page = settings.output_dir / "index.html"
    files.write_text(page, html(known, rejects.links(settings, ledger)))
    print(f"written: {settings.label(page)}")


def html(known: Facts, kept_aside: list[tuple[str, str]]) -> str:
    """Return the page; `kept_aside` are (text, address) of the quarantine files beside it."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["day"] = periods.words
    environment.filters["count"] = indian_count
    environment.filters["breakable"] = breakable
    environment.filters["tied"] = tied
    script = (TEMPLATES / "page.js").read_text("utf-8")
    return environment.get_template("page.html.j2").render(
        facts=known,
        engines=in_words([ENGINES.get(engine, engine) for engine in known.engines]),
        cards=all_cards(known),
        notes=worth_knowing(known),
        drawings=all_drawings(known),
        tables=tables,
        others=[tables.of_kpi(kpi, known) for kpi in known.results if kpi not in TOLD],
        window=periods.window(known.as_of, known.parameters.window_days) if known.as_of else "",
        kept_aside=kept_aside,
        style=Markup((TEMPLATES / "page.css").read_text("utf-8")),
        script=Markup(script),
        digest=b64encode(sha256(script.encode()).digest()).decode(),
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
        *notes.nothing_delivered(known.last_published, known.made, known.freshness_hours),
        *notes.fewer_lines(known.fewer_lines),
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


def breakable(text: str) -> Markup:
    """Return text as HTML that may go on in the next line within what is long and has no space.

    >>> breakable("incoming/orders_2025.xml")
    Markup('incoming/<wbr>orders_<wbr>2025.xml')
    """
    return Markup("<wbr>").join(_LONG.sub(_with_breaks, text).split(_BREAK))


def _with_breaks(word: re.Match[str]) -> str:
    """Put a mark behind each separator in a long word, and into what has none for twelve characters."""
    return _UNBROKEN.sub(rf"\g<0>{_BREAK}", _SEPARATOR.sub(rf"\g<0>{_BREAK}", word[0]))


def tied(text: str) -> str:
    """Return a sentence in which no number stands apart from its percent sign."""
    return text.replace(" %", "\u00a0%")


def in_words(names: list[str]) -> str:
    """Join names.

    >>> in_words(["SQL", "pandas", "Dask"])
    'SQL, pandas and Dask'
    """
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
