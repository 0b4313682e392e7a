"""Take a delivery back as if it had never come: earlier versions of its customers and orders stand again."""

from dataclasses import dataclass

import pandas as pd

from akasa.publish import database_load, holdings
from akasa.publish.level import level_warehouse
from akasa.publish.settle import settle_what_was_cut_short
from akasa.publish.standing import held_by, without
from akasa.publish.versions import latest
from akasa.stores import database, lock
from akasa.validate import plan as planning
from akasa.validate import profiles, quarantine, verdicts
from akasa.validate.plan import Planned
from akasa.workspace import events
from akasa.workspace.settings import Settings


class TakenBack(LookupError):
    """The delivery was withdrawn before."""


@dataclass(frozen=True)
class Withdrawal:
    """What withdrawing a delivery would do: the ids that it holds, and the versions that stand instead."""

    delivery: Planned
    held: "pd.Series[str]"
    instead: dict[str, pd.DataFrame]

    @property
    def back(self) -> int:
        """How many customers or orders go back to an earlier version; the rest of `held` is removed."""
        return len(self.instead[self.delivery.kind])


def derive(settings: Settings, name: str) -> Withdrawal:
    """Return what taking back the delivery whose bytes lay under a name last would do.

    Raises TakenBack where that was done; LookupError, which lists the names there are, where nothing that is
    published goes by this one.
    """
    settle_what_was_cut_short(settings)
    ledger, sightings = database.ledger(settings), database.sightings(settings)
    last = sightings[sightings["name"] == name].tail(1)
    published = ledger[ledger["sha256"].isin(last["sha256"])]
    if last["withdrawn"].any():
        raise TakenBack(f"{name} was taken back before")
    if published.empty:
        known = ", ".join(ledger["name"]) or "none at all"
        raise LookupError(f"no published delivery goes by {name!r}; there are: {known}")
    delivery = planning.of_ledger(next(published.itertuples()))
    staying = [planning.of_ledger(row) for row in ledger.itertuples() if row.sha256 != delivery.sha256]
    instead = latest(without(settings, [delivery]), settings.amount_is)
    seen = [one for one in planning.seen(sightings) if not one.withdrawn]
    instead["holdings"] = holdings.every(settings, seen, staying)
    return Withdrawal(delivery, held_by(settings, delivery), instead)


def commit(settings: Settings, withdrawal: Withdrawal) -> None:
    """Take the delivery's rows out of both stores, and its records out of ledger and quarantine.

    To be called in the run in which it was derived, so that no one publishes in between (`lock.run`).
    """
    delivery = withdrawal.delivery
    with lock.publish(settings):
        database_load.withdraw(settings, delivery.sha256, delivery.delivery_id, withdrawal.instead)
        finish(settings)
    held = len(withdrawal.held)
    events.tell("delivery withdrawn", kind=delivery.kind, delivery=delivery.name, rows=held)


def finish(settings: Settings) -> None:
    """Level the warehouse, and drop what is still kept of deliveries that were taken back."""
    level_warehouse(settings)
    ledger, sightings = database.ledger(settings), database.sightings(settings)
    gone = sightings[sightings["withdrawn"] & ~sightings["sha256"].isin(ledger["sha256"])]
    for one in gone.drop_duplicates("sha256").itertuples():
        for file in quarantine.files(settings.quarantine, one.sha256):
            file.unlink()
        verdicts.forget(settings, one.kind, one.sha256)
        profiles.forget(settings, one.kind, one.sha256)
