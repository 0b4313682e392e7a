"""Who holds what: the versions that deliveries published, and those that stand where they are left out."""

from collections.abc import Mapping, Sequence

import pandas as pd

from akasa.stores import database
from akasa.validate import judging
from akasa.validate import plan as planning
from akasa.validate.plan import Planned
from akasa.validate.verdicts import Judged
from akasa.workspace.settings import Settings
from akasa.workspace.tables import KEYS


def held_by(settings: Settings, delivery: Planned) -> "pd.Series[str]":
    """Return the ids of the customers or orders whose published version is a delivery's."""
    key = KEYS[delivery.kind][0]
    found = database.query(
        f"select {key} from {delivery.kind} where delivery_id = :delivery_id",
        settings,
        delivery_id=delivery.delivery_id,
    )
    return found[key].astype("str")


def without(
    settings: Settings, leaving: Sequence[Planned], places: Mapping[str, tuple[str, str]] | None = None
) -> list[Judged]:
    """Return what other published deliveries say of the ids that some hold, as they were judged.

    `places` maps the sha256 of some to the name and position that they have now.
    """
    ledger = database.ledger(settings)
    for sha256, (name, position) in (places or {}).items():
        ledger.loc[ledger["sha256"] == sha256, ["name", "position"]] = name, position
    staying = ledger[~ledger["sha256"].isin([one.sha256 for one in leaving])]
    found = []
    for kind in {one.kind for one in leaving}:
        ids = pd.concat([held_by(settings, one) for one in leaving if one.kind == kind])
        rows = staying[staying["kind"] == kind].itertuples() if len(ids) else ()
        found += [judging.as_published(settings, planning.of_ledger(row)).only(ids) for row in rows]
    return found
