"""After a publish: let the new judgements stand, and the quarantine follow them.

The database is committed first. Whatever was cut short after that is done by the next run, from what was
prepared before it and from the judgements that stand.
"""

from typing import Any

import pandas as pd

from akasa.stores import database, lock
from akasa.validate import judging, quarantine, verdicts
from akasa.validate import plan as planning
from akasa.validate.verdicts import Judged
from akasa.workspace.settings import Settings


def settle(settings: Settings) -> None:
    """Bring judgements and quarantine to what the ledger says is published, and drop what is in no ledger.

    To be called with the lock of a publish held.
    """
    for row in database.ledger(settings).itertuples():
        delivery = planning.of_ledger(row)
        committed = _committed(settings, row)
        if committed:
            judging.quarantine_published(settings, committed)
            verdicts.put_in_place(settings, delivery)
        elif row.rejected and not quarantine.path(settings.quarantine, row.name, row.sha256).exists():
            kept = verdicts.recall(settings, delivery)
            if kept:
                judging.quarantine_published(settings, kept)
    verdicts.drop_prepared(settings)
    judging.drop_unpublished(settings)


def settle_what_was_cut_short(settings: Settings) -> None:
    """Settle what a run that was killed has left to do, if anything, before judgements are read."""
    if verdicts.any_prepared(settings):
        with lock.publish(settings):
            settle(settings)


def _committed(settings: Settings, row: Any) -> Judged | None:
    """Return the judgement that was prepared for the ledger's row as it is now."""
    found = verdicts.prepared(settings, planning.of_ledger(row))
    if found is None:
        return None
    judged, noted = found
    moments = [pd.Timestamp(text) for text in (row.published_at, row.backfilled_at) if text]
    return judged if pd.Timestamp(noted) in moments else None
