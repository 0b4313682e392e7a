"""Take a delivery back as if it had never come: earlier versions of its customers and orders stand again."""

from dataclasses import dataclass

import pandas as pd

from akasa.publish import database_load
from akasa.publish.level import level_warehouse
from akasa.publish.standing import held_by, without
from akasa.publish.versions import latest
from akasa.stores import database
from akasa.validate import plan as planning
from akasa.validate import quarantine, verdicts
from akasa.validate.plan import Planned
from akasa.workspace.settings import Settings


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

    Raises LookupError, which lists the names there are, where nothing published goes by this one.
    """
    ledger, sightings = database.ledger(settings), database.sightings(settings)
    of_name = sightings[sightings["name"] == name]["sha256"].tail(1)
    published = ledger[ledger["sha256"].isin(of_name)]
    if published.empty:
        known = ", ".join(ledger["name"]) or "none at all"
        raise LookupError(f"no published delivery goes by {name!r}; there are: {known}")
    delivery = planning.of_ledger(next(published.itertuples()))
    held = held_by(settings, delivery)
    return Withdrawal(delivery, held, latest(without(settings, [delivery]), settings.amount_is))


def commit(settings: Settings, withdrawal: Withdrawal) -> None:
    """Take the delivery's rows out of both stores, and its records out of ledger and quarantine."""
    delivery = withdrawal.delivery
    database_load.withdraw(settings, delivery.sha256, delivery.delivery_id, withdrawal.instead)
    level_warehouse(settings)
    for file in quarantine.files(settings.quarantine, delivery.sha256):
        file.unlink()
    verdicts.forget(settings, delivery)
