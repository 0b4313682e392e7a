"""Withdrawing a delivery leaves what a workspace has that never saw it."""

import io
import shutil
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import strategies as st
from lib import stores
from lib.drops import TODAY, customers, deliver, orders, run
from lib.worlds import in_few, in_many

from akasa.__main__ import main
from akasa.publish import backfill, withdraw
from akasa.stores import database, lock, migrate
from akasa.validate import rules
from akasa.workspace import events
from akasa.workspace.settings import Settings, load

ASHA = customers(("C-1", "9000000001", "North"))
ASHA_MOVED = customers(("C-1", "9000000001", "South"), ("C-2", "9000000002", "East"))
FIRST = orders(("O-1", "9000000001", "2025-10-12 10:00", "SKU-1", 1, "10.00"))
SECOND = orders(
    ("O-1", "9000000001", "2025-11-12 10:00", "SKU-2", 2, "20.00"),
    ("O-2", "9000000001", "2025-11-12 10:00", "SKU-2", 2, "20.00"),
    ("O-3", "12345", "2025-11-12 10:00", "SKU-2", 2, "20.00"),
)
THIRD = orders(("O-1", "9000000002", "2025-11-13 10:00", "SKU-3", 3, "30.00"))
DELIVERIES = {
    "customers.csv": ASHA,
    "incoming/c-2025-11-12.csv": ASHA_MOVED,
    "orders.xml": FIRST,
    "incoming/o-2025-11-12.xml": SECOND,
    "incoming/o-2025-11-13.xml": THIRD,
}


def contents(cfg):
    """Return the rows of both stores and the quarantine, with deliveries by their names."""
    ledger = database.ledger(cfg)
    return (
        stores.rows(cfg),
        stores.holdings(cfg),
        ledger[["name", "position", "records", "accepted", "rejected"]].values.tolist(),
        sorted(file.name for file in cfg.quarantine.glob("*")),
    )


def filled(folder, names):
    cfg = Settings(data_dir=Path(folder) / "data", output_dir=Path(folder) / "outputs")
    migrate.upgrade(cfg)
    for name in names:
        deliver(cfg, (name, DELIVERIES[name]))
        run(cfg)
    return cfg


WORLDS = (st.permutations(sorted(DELIVERIES)), st.sampled_from(sorted(DELIVERIES)), st.booleans())


@in_few(*WORLDS)
def test_it_is_as_if_the_delivery_had_never_come(names, name, stays_there):
    is_as_if_it_had_never_come(names, name, stays_there)


@in_many(*WORLDS)
def test_in_many_worlds_it_is_as_if_the_delivery_had_never_come(names, name, stays_there):
    is_as_if_it_had_never_come(names, name, stays_there)


def is_as_if_it_had_never_come(names, name, stays_there):
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        cfg = filled(one, names)
        withdraw.commit(cfg, withdraw.derive(cfg, name))
        without = contents(filled(other, [n for n in names if n != name]))
        assert contents(cfg) == without
        if not stays_there:
            (cfg.data_dir / name).unlink()
        run(cfg)
        assert contents(cfg) == without


def test_what_was_judged_is_used_even_when_nothing_else_is_left(workspace):
    cfg = filled(workspace.data_dir.parent, DELIVERIES)
    for folder in ("staging", "incoming"):
        shutil.rmtree(cfg.data_dir / folder)
    withdraw.commit(cfg, withdraw.derive(cfg, "incoming/o-2025-11-13.xml"))
    assert [(row[0], row[4]) for row in stores.rows(cfg)["orders"]] == [("O-1", 20_00), ("O-2", 20_00)]


def test_withdrawn_bytes_that_come_under_another_name_are_a_new_delivery(workspace):
    cfg = filled(workspace.data_dir.parent, DELIVERIES)
    withdraw.commit(cfg, withdraw.derive(cfg, "incoming/o-2025-11-13.xml"))
    assert "incoming/o-2025-11-13.xml" not in run(cfg)
    deliver(cfg, ("incoming/o-2025-11-14.xml", THIRD))
    assert run(cfg)["incoming/o-2025-11-14.xml"] == "new"
    assert stores.rows(cfg)["orders"][0][4] == 30_00


def test_a_name_that_was_taken_back_does_not_stand_for_its_bytes_elsewhere(workspace):
    cfg = filled(workspace.data_dir, ["orders.xml", "incoming/o-2025-11-12.xml"])
    with lock.run(cfg):
        withdraw.commit(cfg, withdraw.derive(cfg, "incoming/o-2025-11-12.xml"))
    deliver(cfg, ("incoming/o-2025-11-14.xml", SECOND))
    run(cfg)
    before = contents(cfg)
    with pytest.raises(withdraw.TakenBack):
        withdraw.derive(cfg, "incoming/o-2025-11-12.xml")
    assert contents(cfg) == before


def test_on_a_server_too(on_server):
    cfg = on_server(DB_LOCAL_INFILE="1")
    migrate.upgrade(cfg)
    deliver(cfg, *DELIVERIES.items())
    run(cfg, TODAY)
    withdraw.commit(cfg, withdraw.derive(cfg, "incoming/o-2025-11-13.xml"))
    assert [row[4] for row in stores.rows(cfg)["orders"]] == [20_00, 20_00]


def test_the_command_shows_and_does_it(workspace):
    deliver(workspace, *DELIVERIES.items())
    run(workspace)
    before = contents(workspace)
    shown = CliRunner().invoke(main, ["withdraw", "incoming/o-2025-11-12.xml", "--dry-run"])
    assert shown.output.splitlines() == [
        "incoming/o-2025-11-12.xml: 1 orders were its own; 0 go back to an earlier version, 1 are removed",
        "dry run: nothing was changed",
    ]
    assert contents(workspace) == before
    done = CliRunner().invoke(main, ["withdraw", "incoming/o-2025-11-13.xml"])
    assert done.exit_code == 0
    assert "1 go back to an earlier version, 0 are removed" in done.output


@pytest.mark.parametrize("name", ["incoming/none.xml", ""])
def test_an_unknown_name_is_answered_with_the_known_ones(workspace, name):
    deliver(workspace, ("orders.xml", FIRST))
    run(workspace)
    done = CliRunner().invoke(main, ["withdraw", name])
    assert done.exit_code == 1
    assert f"no published delivery goes by {name!r}; there are: orders.xml" in done.output


def test_what_becomes_of_a_delivery_is_logged_at_every_stage(migrated, monkeypatch):
    deliver(migrated, ("customers.csv", customers(("C-1", "9000000001", "North"), ("C-2", "12", "South"))))
    deliver(migrated, ("incoming/a_9700000014.xml", orders(("O-1", "9000000001", "2025-10-12", "S", 1, "1"))))
    monkeypatch.setenv("LOG_LEVEL", "INFO")
    monkeypatch.setenv("MAX_REJECT_RATIO", "1")
    log = io.StringIO()
    events.begin(load(), log)
    run(migrated)
    monkeypatch.setattr(rules, "RULES_VERSION", rules.RULES_VERSION + 1)
    with lock.run(migrated):
        backfill.commit(migrated, backfill.derive_all(load()))
        withdraw.commit(migrated, withdraw.derive(migrated, "incoming/a_9700000014.xml"))
    events.begin(migrated)
    told = [line.split(" INFO ")[1] for line in log.getvalue().splitlines()]
    told = [line.partition(" seconds=")[0] for line in told]
    of_customers = "kind=customers delivery=customers.csv records=2 accepted=1 rejected=1 repeats=0"
    of_orders = "kind=orders delivery=incoming/a_97xxxxxx14.xml records=1 accepted=1 rejected=0 repeats=0"
    judged = [f"delivery judged {of}" for of in (of_customers, of_orders)]
    assert told == [
        "delivery read kind=customers delivery=customers.csv records=2",
        "delivery read kind=orders delivery=incoming/a_97xxxxxx14.xml records=1",
        *judged,
        *(f"delivery published {of}" for of in (of_customers, of_orders)),
        "published deliveries=2",
        *judged,
        *(f"delivery backfilled {of}" for of in (of_customers, of_orders)),
        "delivery withdrawn kind=orders delivery=incoming/a_97xxxxxx14.xml rows=1",
    ]
