"""What new deliveries look like, as the notebook shows it."""

from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from akasa.validate import profiles
from akasa.validate.plan import Plan, Planned
from akasa.validate.profiling import FIELDS, Column, Profile
from akasa.workspace import masking
from akasa.workspace.listing import Listing
from akasa.workspace.settings import Settings

_COLUMNS = [
    "delivery",
    "column",
    "filled",
    "unreadable",
    "distinct",
    "least",
    "most",
    "most_frequent",
    "forms",
]


def data_quality(settings: Settings, plan: Plan) -> pd.DataFrame:
    """Return one row a column of each delivery that is due; of the last ones where none is.

    Columns: delivery, column, filled (records with a text there), unreadable (of these), distinct, least and
    most (of clean values), most_frequent and forms, with how often. Profiles that lack are made, where the
    records are staged. Mobile numbers are masked where MASK_PII asks for it.
    """
    profiles.make_missing(settings, plan.deliveries)
    looked = plan.due or _last(plan.deliveries)
    rows = [row for one in looked for row in _rows(settings, one)]
    return Listing(rows, columns=_COLUMNS)


def _last(deliveries: Sequence[Planned]) -> list[Planned]:
    return [one for kind in FIELDS for one in [one for one in deliveries if one.kind == kind][-1:]]


def _rows(settings: Settings, delivery: Planned) -> Iterator[tuple[object, ...]]:
    found = profiles.recall(settings, delivery.kind, delivery.sha256)
    shown, name = _as_shown(found, delivery.name)
    for column, one in shown.columns.items() if shown else ():
        yield (name, column, one.filled, one.invalid, one.distinct, one.least, one.most, *_counted(one))


def _as_shown(profile: Profile | None, name: str) -> tuple[Profile | None, str]:
    if not masking.is_asked_for():
        return profile, name
    return profile and profiles.masked(profile), masking.text(name)


def _counted(one: Column) -> tuple[str, str]:
    return _listed(one.frequent), _listed(one.forms.items())


def _listed(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{text} ({count:,})" for text, count in counts)
