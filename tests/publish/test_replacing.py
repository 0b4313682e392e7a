"""Orders that are replaced: told by what they lost, and a gate before too many of them."""

import pytest
from lib.drops import TODAY, customers, deliver, no_audit, orders, run

from akasa.ingest import staging
from akasa.publish import replacing, road
from akasa.report import facts
from akasa.run import way_out
from akasa.stores import database
from akasa.validate import replaced
from akasa.validate.gate import GateStopped
from akasa.validate.replaced import Replaced

A, B = "9000000001", "9000000002"
BASE = orders(
    ("O-1", A, "2024-11-01", "S-1", 1, "10.00"),
    ("O-2", A, "2025-02-01", "S-1", 1, "20.00"),
    ("O-3", B, "2025-11-01", "S-1", 1, "30.00"),
    ("O-3", B, "2025-11-01", "S-2", 1, "30.00"),
    ("O-4", B, "2025-11-01", "S-1", 1, "40.00"),
)
# O-1 a year later; O-2 in the next year of accounts; O-3 with one line and another number; O-4 as it was.
NEXT = orders(
    ("O-1", A, "2025-11-02", "S-1", 1, "10.00"),
    ("O-2", A, "2025-04-01", "S-1", 1, "20.00"),
    ("O-3", A, "2025-11-01", "S-1", 1, "30.00"),
    ("O-4", B, "2025-11-01", "S-1", 1, "40.00"),
    ("O-5", B, "2025-11-02", "S-1", 1, "50.00"),
)


def world(workspace, *more):
    deliver(workspace, ("customers.csv", customers(("C-1", A, "North"))), ("orders.xml", BASE), *more)
    return workspace


def publish(cfg, ratio):
    """Go the road from what was staged to what is published, no more allowed to be replaced than a ratio."""
    staging.stage_all(cfg)
    asked = cfg.model_copy(update={"max_replaced_ratio": ratio, "max_reject_ratio": 1.0})
    return road.publish(asked, TODAY, auditor=no_audit)


def test_what_replaced_orders_lost_is_told(migrated):
    cfg = world(migrated, ("incoming/o_2025-11-03.xml", NEXT))
    run(cfg)
    sent = database.ledger(cfg).query("kind == 'orders'")["sha256"].tolist()
    assert replaced.look(cfg, sent) == Replaced(
        fewer_lines=("O-3",), other_number=("O-3",), other_year=("O-1", "O-2")
    )
    assert replaced.look(cfg, sent[:1]) == replaced.look(cfg, []) == Replaced()


def test_more_replaced_orders_than_are_allowed_stop_the_run(migrated):
    cfg = world(migrated)
    publish(cfg, 0.5)  # a first delivery replaces nothing
    deliver(cfg, ("incoming/o_2025-11-03.xml", NEXT))
    with pytest.raises(GateStopped) as stopped:
        publish(cfg, 0.59)
    assert str(stopped.value) == (
        "incoming/o_2025-11-03.xml: 3 orders of 5 replace what earlier deliveries brought (60.0%, more than "
        "59.0%): O-1, O-2, O-3. Nothing was published. Where numbers start again, as with a new year, have "
        "the orders delivered under numbers of their own; or set MAX_REPLACED_RATIO=0.60 to let it through."
    )
    ways = way_out.ways("GateStopped", str(stopped.value))
    assert [dict(way.changes) for way in ways] == [{}, {"MAX_REPLACED_RATIO": "0.60"}]
    assert len(database.ledger(cfg)) == 2
    publish(cfg, 0.6)
    assert len(database.ledger(cfg)) == 3


def test_deliveries_that_come_together_and_orders_that_come_again_as_they_were(migrated):
    same = orders(("O-4", B, "2025-11-01", "S-1", 1, "40.00"), ("O-9", B, "2025-11-01", "S-1", 1, "1.00"))
    cfg = world(migrated, ("incoming/o_2025-11-02.xml", same), ("incoming/o_2025-11-03.xml", NEXT))
    with pytest.raises(GateStopped, match=r"o_2025-11-03[.]xml: 3 orders of 5 "):
        publish(cfg, 0)
    (cfg.incoming / "o_2025-11-03.xml").unlink()
    publish(cfg, 0)
    # A delivery that comes late, and whose orders a later one has replaced already, replaces nothing.
    deliver(cfg, ("incoming/o_2025-11-01.xml", orders(("O-9", B, "2025-10-30", "S-1", 1, "3.00"))))
    publish(cfg, 0)
    assert len(database.ledger(cfg)) == 4


def test_at_one_nothing_is_looked_up(migrated, monkeypatch):
    cfg = world(migrated)
    publish(cfg, 1)
    monkeypatch.setattr(replacing, "replaced", lambda *given: 1 / 0)
    deliver(cfg, ("incoming/o_2025-11-03.xml", NEXT))
    publish(cfg, 1)


def test_an_older_version_that_stands_since_the_newest_was_turned_away_is_told(migrated):
    bad = orders(("O-4 ", B, "2025-11-01", "S-1", 1, "no"), ("O-8", B, "2025-11-01", "S-1", 1, "no"))
    late = orders(("O-3", B, "2025-11-01", "S-1", 1, "no"))
    cfg = world(
        migrated,
        ("incoming/o_2025-11-02.xml", late),
        ("incoming/o_2025-11-03.xml", NEXT),
        ("incoming/o_2025-11-04.xml", bad),
        ("incoming/c_2025-11-05.csv", customers(("C-1", "12", "North"))),
    )
    run(cfg)
    # O-3 was mended by a later delivery, O-8 never stood.
    told = facts.older_stand(cfg, database.ledger(cfg))
    assert told == (("O-4", "incoming/o_2025-11-04.xml"), ("C-1", "incoming/c_2025-11-05.csv"))
