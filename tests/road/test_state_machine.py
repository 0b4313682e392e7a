"""A folder, whatever happens to it: after every run both stores hold what the reference says of its history.

The reference knows one sentence: what is published is a pure function of the deliveries ever seen (names,
bytes, order of sighting where a name was reused), of what was withdrawn, and of the settings in the ledger.
"""

import hashlib
import shutil
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from datetime import date
from itertools import chain, count
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from lib import agreement, reference
from lib.drops import customers, deliver, no_audit, orders

from akasa.ingest import staging
from akasa.ingest.readers import RefusedDelivery
from akasa.publish import backfill, road, withdraw
from akasa.stores import database, migrate, soundness
from akasa.validate import gate
from akasa.workspace.settings import Settings

# Small worlds, so that ids, numbers, days and names collide.

TODAYS = st.sampled_from([date(2025, 11, 15), date(2025, 11, 12), date(2025, 10, 10)])
MOBILES = ["9000000001", "9000000002", "9123456781"]
DAYS = ["2025-10-12", "2025-10-31 23:59:59", "2025-11-01 00:00", "2025-11-10 10:00", "2025-11-11 10:00",
        "2025-11-12 23:59", "2025-11-13 00:00", "2025-11-16 12:00"]  # fmt: skip
CUSTOMERS = st.tuples(
    st.sampled_from(["C-1", "C-2", "007", ""]),
    st.sampled_from([*MOBILES, "12345"]),
    st.sampled_from(["North", "South", "unmatched", ""]),
)
ORDERS = st.builds(
    lambda order_id, mobile, day, total, skus: [(order_id, mobile, day, s, n, total) for s, n in skus],
    st.sampled_from(["O-1", "O-2", "O-3"]),
    st.sampled_from([*MOBILES, "6000000004", "54321"]),
    st.sampled_from(DAYS),
    st.sampled_from(["10.00", "0.05", "1.01"]),
    st.lists(st.tuples(st.sampled_from(["SKU-1", "SKU-2"]), st.integers(1, 2)), min_size=1, max_size=3),
)
CSVS = st.lists(CUSTOMERS, min_size=1, max_size=3).map(lambda rows: customers(*rows))
XMLS = st.lists(ORDERS, min_size=1, max_size=3).map(lambda some: orders(*chain.from_iterable(some)))
EMPTY = {".csv": customers(), ".xml": orders()}
BROKEN = st.sampled_from([b"", b"<orders><order>", b"customer_id,region\n", b"<html></html>"])
STEMS = ["2025-11-11", "12-Nov-2025", "2025-11-12 (1)", "20251113T0930", "2025-10-01", "9", "10"]
CSV_NAMES = ["customers.csv", *(f"incoming/c_{stem}.csv" for stem in STEMS)]
XML_NAMES = ["orders.xml", *(f"incoming/o_{stem}.xml" for stem in STEMS)]
CSV_NAME, XML_NAME = st.sampled_from(CSV_NAMES), st.sampled_from(XML_NAMES)
OCTOBER = (date(2025, 10, 1), date(2025, 10, 31))
NOVEMBER = (date(2025, 11, 11), date(2025, 11, 30))
WHICH = st.integers(0, 9)
TABLES = ["customers", "orders", "order_items", "holdings", "deliveries"]


class Killed(BaseException):
    """Stands for a kill: nothing in akasa catches it."""


@contextmanager
def killed_at(number):
    """Raise at that failpoint; give the list of places passed."""
    passed = []

    def reached(place):
        passed.append(place)
        if len(passed) == number:
            raise Killed(place)

    modules = [m for name, m in sys.modules.items() if name.startswith("akasa.") and hasattr(m, "reached")]
    with ExitStack() as patches:
        for module in modules:
            patches.enter_context(mock.patch.object(module, "reached", reached))
        yield passed


class Workspace(RuleBasedStateMachine):
    """What feeds, people and machines do to a data folder, and what the history says of it then."""

    def __init__(self, configured):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.cfg = configured(self.folder)
        self.cfg.incoming.mkdir(parents=True)
        migrate.upgrade(self.cfg)
        self.history = []  # what was completed, as `reference.noted` takes it
        self.dropped = []  # every file that ever lay there: (name, bytes)
        self.torn = False  # stores may differ, until a run is completed
        self.copies = []  # histories of the copies of the data folder

    def teardown(self):
        shutil.rmtree(self.folder)

    # What lies in the folder

    @property
    def files(self):
        data = self.cfg.data_dir
        found = [*data.glob("*.csv"), *data.glob("*.xml"), *self.cfg.incoming.iterdir()]
        return {file.relative_to(data).as_posix(): file.read_bytes() for file in sorted(found)}

    def drop(self, name, content):
        deliver(self.cfg, (name, content))
        self.dropped.append((name, content))

    def one(self, which, ending=""):
        names = [name for name in self.files if name.endswith(ending)]
        return names[which % len(names)] if names else None

    @initialize(csv=CSV_NAME, rows=CSVS, xml=XML_NAME, lines=XMLS, today=TODAYS)
    def begin(self, csv, rows, xml, lines, today):
        self.drop(csv, rows)
        self.drop(xml, lines)
        self.publish(today)

    @rule(csv=CSV_NAME, rows=CSVS, xml=XML_NAME, lines=XMLS)
    def deliver_both(self, csv, rows, xml, lines):
        self.drop(csv, rows)
        self.drop(xml, lines)

    @rule(name=CSV_NAME | XML_NAME)
    def deliver_nothing(self, name):
        """A day without records has its header, or `<orders/>`."""
        self.drop(name, EMPTY[name[-4:]])

    @rule(name=CSV_NAME, content=CSVS)
    def deliver_customers(self, name, content):
        self.drop(name, content)

    @rule(name=XML_NAME, content=XMLS)
    def deliver_orders(self, name, content):
        self.drop(name, content)

    @precondition(lambda self: self.dropped)
    @rule(which=WHICH)
    def deliver_again(self, which):
        """Also: overwrite in place with old bytes, or mend what was refused."""
        self.drop(*self.dropped[which % len(self.dropped)])

    @precondition(lambda self: self.files)
    @rule(which=WHICH, csv=CSV_NAME, xml=XML_NAME, renamed=st.booleans())
    def copy_or_rename(self, which, csv, xml, renamed):
        name = self.one(which)
        content = self.files[name]
        if renamed:
            (self.cfg.data_dir / name).unlink()
        self.drop(csv if name.endswith(".csv") else xml, content)

    @precondition(lambda self: self.files)
    @rule(which=WHICH)
    def remove(self, which):
        (self.cfg.data_dir / self.one(which)).unlink()

    @rule(name=CSV_NAME | XML_NAME, content=BROKEN)
    def deliver_what_is_refused(self, name, content):
        self.drop(name, content)

    @precondition(lambda self: self.files)
    @rule(which=WHICH, csv=CSV_NAME, xml=XML_NAME)
    def copy_under_a_wrong_extension(self, which, csv, xml):
        name = self.one(which)
        self.drop(xml if name.endswith(".csv") else csv, self.files[name])

    # Runs

    @rule(today=TODAYS)
    def run(self, today):
        self.publish(today)

    @rule(today=TODAYS)
    def run_skipping_what_is_refused(self, today):
        self.publish(today, on_refused="skip")

    @rule(today=TODAYS)
    def run_with_the_gate(self, today):
        self.publish(today, on_refused="skip", max_reject_ratio=0.1)

    @rule(today=TODAYS, number=st.integers(1, 60))
    def run_that_is_killed(self, today, number):
        self.publish(today, number, on_refused="skip")

    def publish(self, today, number=0, on_refused="stop", max_reject_ratio=1.0):
        """Go the road; take the look into the history when it was committed."""
        cfg = self.cfg.model_copy(update={"max_reject_ratio": max_reject_ratio})
        readable = {name: content for name, content in self.files.items() if is_readable(name, content)}
        looked = [*self.history, ("look", readable, today)]
        stop = self.expected_stop(readable, looked, on_refused, max_reject_ratio)

        def go():
            staging.require_none_refused(staging.stage_all(cfg), on_refused)
            road.publish(cfg, today, auditor=no_audit)

        if stop and not number:
            with pytest.raises(stop):
                go()
            if not self.torn:
                self.agree()
        elif not stop:
            self.attempt(go, looked, number)

    def expected_stop(self, readable, looked, on_refused, max_reject_ratio):
        if not self.files:
            return FileNotFoundError
        if len(readable) < len(self.files) and on_refused == "stop":
            return RefusedDelivery
        before = {content for _, content, _ in reference.noted(self.history)}
        notes = reference.noted(looked)
        judged = zip(reference.publish_noted(notes)["ledger"], reference.standing(notes), strict=True)
        new = [entry for entry, (_, content, _) in judged if content not in before]
        over = any(one["rejected"] > max_reject_ratio * one["records"] for one in new)
        return gate.GateStopped if over else None

    def attempt(self, go, history, number):
        """Do what makes this the history, or be killed in it, before or after the commit."""
        with killed_at(number) as passed:
            try:
                go()
                self.torn = False
            except Killed:
                self.torn = True
        if not self.torn or "after the commit" in passed:
            self.history = history
        if not self.torn:
            self.agree()

    # Taking back, and deriving again

    def withdrawable(self):
        names = {name for what, *told in self.history if what == "look" for name in told[0]}
        now = reference.noted(self.history)
        return [
            name for name in sorted(names)
            if reference.noted([*self.history, ("withdraw", name)]) != now
        ]  # fmt: skip

    @precondition(lambda self: self.withdrawable())
    @rule(which=WHICH, number=st.integers(0, 40))
    def take_back(self, which, number):
        names = self.withdrawable()
        name = names[which % len(names)]
        self.attempt(
            lambda: withdraw.commit(self.cfg, withdraw.derive(self.cfg, name)),
            [*self.history, ("withdraw", name)],
            number if number < 20 else 0,
        )

    @rule(days=st.sampled_from([OCTOBER, NOVEMBER, None]))
    def derive_again(self, days):
        """A range of days, or all: under the same rules, that changes nothing."""
        cfg = self.cfg.model_copy(update={"max_reject_ratio": 1.0})

        def go():
            with mock.patch.object(gate, "audit", lambda tables, *rest: no_audit(cfg, tables)):
                change = backfill.derive(cfg, *days) if days else backfill.derive_all(cfg)
                backfill.commit(cfg, change)

        if self.all_there(".xml" if days else ""):
            self.attempt(go, self.history, 0)
        else:
            with pytest.raises(backfill.DeliveryGone if self.files else FileNotFoundError):
                go()

    def all_there(self, ending):
        """Of each delivery: its records, or a file that can be read as what it was."""
        there = {(name[-4:], content) for name, content in self.files.items()}
        staged = {file.stem.partition("-")[2] for file in self.cfg.staging.glob("*-*.parquet")}
        return all(
            hashlib.sha256(content).hexdigest() in staged or (name[-4:], content) in there
            for name, content, _ in reference.noted(self.history)
            if name.endswith(ending)
        )

    # Stores that are lost or aged

    @rule(what=st.sampled_from(["", *TABLES]))
    def lose_the_warehouse_or_a_table(self, what):
        shutil.rmtree(self.cfg.warehouse / what, ignore_errors=True)
        self.torn = True

    @rule(which=st.integers(0, 30), left=st.sampled_from([None, 0, 100]))
    def lose_a_file_of_the_warehouse_or_all_but_its_beginning(self, which, left):
        files = sorted(file for file in self.cfg.warehouse.rglob("*") if file.is_file())
        if files:
            file = files[which % len(files)]
            content = file.read_bytes()
            file.unlink()
            self.torn = True
            if left is not None:
                file.write_bytes(content[:left])

    @rule(which=WHICH, what=st.sampled_from(["judged", "staging"]))
    def lose_what_was_judged_or_staged(self, which, what):
        """Of a delivery of which the other is there: without both, and the file, nobody knows it any more."""
        judged = {file.parent.name for file in self.cfg.judged.glob("*/verdict.json")}
        staged = {file.stem for file in self.cfg.staging.glob("*-*.parquet")}
        both = sorted(judged & staged)
        for name in both[which % len(both) :] if both else ():
            if what == "judged":
                shutil.rmtree(self.cfg.judged / name)
            else:
                (self.cfg.staging / f"{name}.parquet").unlink()

    @rule()
    def keep_a_copy(self):
        shutil.rmtree(self.folder / "copy", ignore_errors=True)
        shutil.copytree(self.cfg.data_dir, self.folder / "copy")
        self.copies = [(self.history, self.torn)]

    @precondition(lambda self: self.copies)
    @rule(what=st.sampled_from(["", *TABLES]))
    def put_back_an_old_warehouse(self, what):
        if (self.folder / "copy/warehouse" / what).exists():
            self.put_back(f"warehouse/{what}")
            self.torn = True

    @precondition(lambda self: self.copies and not self.cfg.db_host)
    @rule()
    def put_back_an_old_workspace(self):
        self.put_back("")
        self.history, self.torn = self.copies[0]

    @precondition(lambda self: self.copies and not self.cfg.db_host)
    @rule()
    def put_back_an_old_database(self):
        """Where what it published is still kept beside it: later withdrawals forget judgements."""
        judged = {file.parent.name.partition("-")[2] for file in self.cfg.judged.glob("*/verdict.json")}
        staged = {file.stem.partition("-")[2] for file in self.cfg.staging.glob("*-*.parquet")}
        shutil.copy(self.cfg.data_dir / "akasa.db", self.folder / "present.db")
        shutil.copy(self.folder / "copy/akasa.db", self.cfg.data_dir)
        if set(database.ledger(self.cfg)["sha256"]) <= judged & staged:
            self.history, self.torn = self.copies[0][0], True
        else:
            shutil.copy(self.folder / "present.db", self.cfg.data_dir / "akasa.db")

    def put_back(self, what):
        shutil.rmtree(self.cfg.data_dir / what, ignore_errors=True)
        shutil.copytree(self.folder / "copy" / what, self.cfg.data_dir / what)

    # What must hold

    def agree(self):
        content = reference.publish_noted(reference.noted(self.history))
        agreement.require(self.cfg, content, len(self.history) % 2)
        if self.cfg.db_host is None:
            assert soundness.fault(self.cfg.sqlite) is None


def is_readable(name, content):
    try:
        (reference.read_customers if name.endswith(".csv") else reference.read_orders)(content)
    except reference.RefusedError:
        return False
    return True


def on_sqlite(folder):
    return Settings(data_dir=folder / "data", output_dir=folder / "outputs")


slowly = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.mark.slow
def test_whatever_happens_to_a_folder_what_is_published_follows_from_its_history():
    run_state_machine_as_test(
        lambda: Workspace(on_sqlite), settings=settings(slowly, max_examples=4, stateful_step_count=12)
    )


@pytest.mark.long
def test_hundreds_of_steps():
    run_state_machine_as_test(
        lambda: Workspace(on_sqlite), settings=settings(slowly, max_examples=12, stateful_step_count=40)
    )


@pytest.mark.long
def test_on_mariadb_too(mariadb_server):
    numbers = count(1)

    def on_mariadb(folder):
        of = mariadb_server.create(f"akasa_machine_{next(numbers)}")
        named = {name.lower(): value for name, value in of.items()}
        return Settings(data_dir=folder / "data", output_dir=folder / "outputs", **named)

    run_state_machine_as_test(
        lambda: Workspace(on_mariadb), settings=settings(slowly, max_examples=4, stateful_step_count=20)
    )
