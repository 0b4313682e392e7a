"""After a publish: let the new judgements stand, and the quarantine follow them.

The database is committed first. Whatever was cut short after that is done by the next run, from what was
prepared before it and from the judgements that stand. What was lost of them, as where only the database was
restored, is made again from the records, if today's rules are those that the ledger names.
"""

import sys
from typing import Any

import pandas as pd

from akasa.ingest import staging
from akasa.stores import database, lock
from akasa.validate import judging, quarantine, rules, verdicts
from akasa.validate import plan as planning
from akasa.validate.verdicts import Judged
from akasa.workspace.settings import Settings
from akasa.workspace.wording import counted


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
        else:
            _mend(settings, row)
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


def _mend(settings: Settings, row: Any) -> None:
    """Make a delivery's judgement and quarantine again where they are lost, or say that they are."""
    delivery = planning.of_ledger(row)
    again = None if verdicts.is_kept(settings, delivery) else _judged_again(settings, row)
    if again:
        verdicts.prepare(settings, again, pd.Timestamp(row.published_at))
        verdicts.put_in_place(settings, delivery)
    if not row.rejected or quarantine.path(settings.quarantine, row.name, row.sha256).exists():
        return
    kept = verdicts.recall(settings, delivery)
    if kept:
        judging.quarantine_published(settings, kept)
    elif not quarantine.files(settings.quarantine, row.sha256):
        # stderr: the notebook shows it in its place, the console that runs the notebook repeats it
        print(
            f"warning: what was rejected of {row.name} ({counted(row.rejected, 'record')}) is not kept here, "
            "so the report does not list it",
            file=sys.stderr,
        )


def _judged_again(settings: Settings, row: Any) -> Judged | None:
    """Return a delivery judged anew, if that gives what the ledger counts, under the rules that it names."""
    if row.rules_version is pd.NA or row.rules_version != rules.RULES_VERSION:
        return None
    if not staging.is_there(settings.staging, row.kind, row.sha256):
        return None
    again = judging.judge_one(settings, planning.of_ledger(row))
    found = again.records
    counts = (found.count, found.accepted_count, found.rejected_count, found.repeats)
    return again if counts == (row.records, row.accepted, row.rejected, row.repeats) else None
