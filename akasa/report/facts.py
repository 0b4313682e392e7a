"""All that the page tells, gathered once: what it shows is computed from here, and from nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import takewhile
from zoneinfo import ZoneInfo

import pandas as pd

from akasa import __version__
from akasa.ingest import staging
from akasa.ingest.deliveries import named_day
from akasa.ingest.staging import Manifest
from akasa.kpis.definitions import UNMATCHED
from akasa.kpis.reconcile import Proof
from akasa.kpis.results import Parameters
from akasa.report import bottom_line, of_orders, periods, quality, rejects, shown, turned_away
from akasa.report.periods import Month
from akasa.report.quality import Quality
from akasa.stores import database, models
from akasa.validate import audits, replaced
from akasa.validate.audits import Audit
from akasa.validate.cleaning import UNKNOWN
from akasa.validate.replaced import Replaced
from akasa.workspace import clock
from akasa.workspace.settings import Settings
from akasa.workspace.tables import KEYS

_BEGINS = "select min(order_date) as day from orders where order_date <= :as_of"
_NUMBERS_CHANGED = "select count(distinct mobile_number) as n from holdings where until_day is not null"
_LACKING = """
select coalesce(sum(case when customer_name = :unknown then 1 else 0 end), 0) as names,
    coalesce(sum(case when region = :unknown then 1 else 0 end), 0) as regions
from customers
"""


@dataclass(frozen=True)
class Facts:
    """What the page tells. Frames are as people may see them; money is in paise.

    `results` maps KPI → frame; `came_back` holds (who came back, who ordered) now, at the end of the last
    full month, and of the month before it; `older_stand` names customers and orders of which an older version
    stands, since that of a later delivery was turned away, and that delivery; `named_days` the days in
    deliveries' names, by kind; the ledger has, besides its own columns, the day in each name; of the rejected
    records, those that nothing has mended are `still_open`. `audits` are all that are kept, the latest first.
    """

    as_of: date | None
    parameters: Parameters
    made: datetime
    version: str
    engines: tuple[str, ...]
    holds: bool
    results: Mapping[str, pd.DataFrame]
    totals: pd.DataFrame
    differences: pd.DataFrame
    ledger: pd.DataFrame
    begins: date | None
    largest: pd.DataFrame
    came_back: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    lacking: tuple[int, int]
    replaced: Replaced
    older_stand: tuple[tuple[str, str], ...]
    named_days: Mapping[str, set[date]]
    last_published: datetime | None
    freshness_hours: float
    refused: tuple[str, ...]
    ignored: tuple[str, ...]
    repeated: pd.DataFrame
    unmatched: pd.DataFrame
    changed_hands: pd.DataFrame
    numbers_changed: int
    reasons: pd.DataFrame
    rejected: pd.DataFrame
    still_open: int
    audits: tuple[Audit, ...]
    max_reject_ratio: float
    quality: Quality

    @property
    def revenue(self) -> int:
        return int(self.results["monthly_trends"]["total_revenue"].sum())

    @property
    def audit(self) -> Audit | None:
        """The last audit that passed, its time in the business's zone: what is published rests on it."""
        passed = next((one for one in self.audits if not one.broken), None)
        return replace(passed, made=passed.made.astimezone(self.made.tzinfo)) if passed else None

    @property
    def failed_since(self) -> list[Audit]:
        """The audits that failed after that one; nothing of theirs was published."""
        return list(takewhile(lambda one: one.broken, self.audits))

    @property
    def last_full(self) -> Month | None:
        """The last full month, unless it lies before the first order."""
        if self.as_of is None or self.begins is None:
            return None
        month = periods.last_full(self.as_of)
        return month if month >= periods.month_of(self.begins) else None


def gather(settings: Settings, manifest: Manifest, proof: Proof) -> Facts:
    """Ask the stores for all that the page tells of what was proved."""
    ledger = database.ledger(settings)
    results = {kpi: shown.table(frame) for kpi, frame in proof.results["sql"].items()}
    as_of = proof.as_of
    sent = ledger[ledger["kind"] == "orders"]["sha256"].tolist()
    return Facts(
        as_of=as_of,
        parameters=proof.parameters,
        made=clock.now().astimezone(ZoneInfo(settings.business_timezone)),
        version=__version__,
        engines=tuple(proof.results),
        holds=proof.holds,
        results=results,
        totals=shown.table(proof.totals),
        differences=shown.table(proof.differences),
        ledger=shown.table(ledger).assign(day=[named_day(name) for name in ledger["name"]]),
        begins=_begins(settings, as_of),
        largest=shown.table(of_orders.largest(settings, as_of)),
        came_back=(_now(results), *_then(settings, as_of)),
        lacking=_lacking(settings),
        replaced=_replaced(settings, sent),
        older_stand=older_stand(settings, ledger),
        named_days=_named_days(settings),
        last_published=_last_published(ledger, settings),
        freshness_hours=settings.freshness_hours,
        refused=tuple(map(shown.text, manifest.refused)),
        ignored=tuple(map(shown.text, manifest.passed_over)),
        repeated=shown.table(staging.repeated(manifest)),
        unmatched=shown.table(bottom_line.unmatched_orders(settings, as_of)),
        changed_hands=shown.table(bottom_line.changed_hands(settings)),
        numbers_changed=int(database.query(_NUMBERS_CHANGED, settings)["n"][0]),
        reasons=bottom_line.quarantined(settings)[1],
        rejected=rejects.first_rows(settings, ledger),
        still_open=turned_away.counts(turned_away.look(settings))[1],
        audits=tuple(shown.audit(one) for one in audits.latest(settings)),
        max_reject_ratio=settings.max_reject_ratio,
        quality=quality.gather(settings, ledger),
    )


def _begins(settings: Settings, as_of: date | None) -> date | None:
    (day,) = database.query(_BEGINS, settings, as_of=_text(as_of))["day"]
    return date.fromisoformat(str(day)) if day else None


def _now(results: Mapping[str, pd.DataFrame]) -> tuple[int, int]:
    regions = results["regional_revenue"]
    known = regions[regions["region"] != UNMATCHED]
    return len(results["repeat_customers"]), int(known["customer_count"].sum())


def _then(settings: Settings, as_of: date | None) -> tuple[tuple[int, int], tuple[int, int]]:
    if as_of is None:
        return (0, 0), (0, 0)
    month = periods.last_full(as_of)
    return of_orders.came_back(settings, month.last_day, month.before.last_day)


def _lacking(settings: Settings) -> tuple[int, int]:
    found = database.query(_LACKING, settings, unknown=UNKNOWN).iloc[0]
    return int(found["names"]), int(found["regions"])


def _replaced(settings: Settings, sent: list[str]) -> Replaced:
    found = vars(replaced.look(settings, sent))
    return Replaced(**{how: tuple(map(shown.text, ids)) for how, ids in found.items()})


def older_stand(settings: Settings, ledger: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Return id and delivery where a version was turned away, and one of an earlier delivery stands."""
    places = ledger.set_index("delivery_id")["position"]
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for row in ledger[ledger["rejected"] > 0].itertuples():
        key = models.METADATA.tables[row.kind].c[KEYS[row.kind][0]]
        ids = replaced.rejected(settings, row.kind, row.sha256)
        rows = database.rows_of(settings, key, ids).to_pandas()
        older = rows[rows["delivery_id"].map(places) < row.position]
        found |= {(row.kind, one): (shown.text(one), shown.text(row.name)) for one in older[key.name]}
    return tuple(found.values())


def _named_days(settings: Settings) -> dict[str, set[date]]:
    seen = database.sightings(settings)
    days: dict[str, set[date]] = {}
    for row in seen[~seen["withdrawn"]].itertuples():
        if day := named_day(row.name):
            days.setdefault(row.kind, set()).add(day)
    return days


def _last_published(ledger: pd.DataFrame, settings: Settings) -> datetime | None:
    if ledger.empty:
        return None
    utc = datetime.fromisoformat(ledger["published_at"].max()).replace(tzinfo=ZoneInfo("UTC"))
    return utc.astimezone(ZoneInfo(settings.business_timezone))


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None
