"""The same work on real MariaDB and MySQL: same files, right collation, nothing altered, nothing lost."""

import json
import re
import socket
import threading
import time
from datetime import date, datetime
from functools import partial

import pandas as pd
import pytest
from lib import command, first_rows, reference, servers, truth
from lib.nbval import nbval
from lib.schema import differences_from_models
from lib.stores import customer, in_database, item, ledger_row, order, tables
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from akasa.ingest import staging
from akasa.kpis import engines, reconcile, results, sql
from akasa.kpis.definitions import DEFINITIONS
from akasa.publish import database_load, road
from akasa.run import samples, steps
from akasa.stores import database, dialects, lock, migrate
from akasa.workspace.settings import Settings

pytestmark = pytest.mark.slow


def publish_and_report(settings):
    """Do what the notebooks do, in this process; return the KPI files' bytes."""
    staging.stage_all(settings)
    road.publish(settings)
    day = database.latest_order_date(settings)
    for engine in ("sql", "pandas"):
        results.write_results(settings, engines.compute(settings, engine, day), day)
    assert reconcile.prove(settings, "pandas").holds
    shown = (path for path in settings.output_dir.glob("[!.]*") if path.is_file())
    return {path.name: path.read_bytes() for path in shown}


@pytest.fixture
def on_sqlite(once):
    """What SQLite makes of deliveries of the daily shape, and their KPIs by the reference."""

    def make(folder):
        data = folder / "data"
        truth.build(data, "daily", seed=5, incoming=True)
        found = publish_and_report(Settings(data_dir=data, output_dir=folder / "outputs"))
        return found, reference_kpis(data)

    return once("on_sqlite", make)


@pytest.mark.parametrize("infile", ["0", "1"])
@pytest.mark.parametrize("charset", ["utf8mb4 collate utf8mb4_unicode_ci", "latin1"])
def test_kpi_files_are_those_of_sqlite_to_the_byte(workspace, on_sqlite, on_server, charset, infile):
    expected, kpis = on_sqlite
    assert len(expected) == 10  # 8 KPI files, 2 of parameters
    truth.build(workspace.data_dir, "daily", seed=5, incoming=True)
    found = publish_and_report(on_server(charset, DB_LOCAL_INFILE=infile))
    assert found == expected
    for kpi, rows in kpis.items():
        assert json.loads(found[f"sql_{kpi}.json"], parse_float=str) == rows


def reference_kpis(data):
    """Return the KPIs of a data folder as slow, plain Python computes them, money as text."""
    paths = [*data.glob("*.csv"), *data.glob("*.xml"), *(data / "incoming").iterdir()]
    content = reference.publish([(path.relative_to(data).as_posix(), path.read_bytes()) for path in paths])
    return {kpi: reference.kpi_json(kpi, rows) for kpi, rows in reference.kpis(content).items()}


def test_a_run_writes_the_files_of_sqlite_and_shows_the_password_nowhere(tmp_path, server, reported):
    where = {**server.create("akasa_run"), "DB_LOCAL_INFILE": "1"}
    result = command.report(command.sample(tmp_path), **where)
    assert result.returncode == 0, result.stderr
    found = list((tmp_path / "outputs").glob("*_*.*"))  # of KPIs, and of what the data looks like
    assert len(found) == 10
    assert all(path.read_bytes() == (reported.parent / "outputs" / path.name).read_bytes() for path in found)
    assert servers.PASSWORD not in result.stdout + result.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 30
    assert [path for path in written if servers.PASSWORD.encode() in path.read_bytes()] == []


@pytest.mark.long
def test_nbval_finds_the_committed_outputs_of_03_on_mariadb(mariadb_server):
    notebooks = [steps.NOTEBOOKS / f"{step}.ipynb" for step in steps.STEPS[:3]]
    with samples.workspace() as environment:
        result = nbval(notebooks, {**environment, **mariadb_server.create("akasa_nbval")})
    assert result.returncode == 0, result.stdout[-4000:]


@pytest.mark.parametrize("charset", ["utf8mb4 collate utf8mb4_unicode_ci", "latin1"])
def test_text_is_grouped_and_keyed_as_pandas_does(on_server, charset):
    settings = on_server(charset)
    migrate.upgrade(settings)
    regions = ["North", "north", "NORTH ", "Nörth", "North ", "North\u200d"]
    rows = [customer(f"C{i}", f"900000000{i}", region) for i, region in enumerate(regions)]
    rows += [customer("c0", "9000000008"), customer("C0 ", "9000000009")]
    database_load.merge(settings, tables(rows), [ledger_row(1, "customers")])
    found = database.query("select region, count(*) as n from customers group by region", settings)
    expected = pd.Series([row[3] for row in rows]).value_counts()
    assert dict(zip(found["region"], found["n"], strict=True)) == expected.to_dict()


def test_the_server_is_named_with_its_version(on_server, request):
    name, version = database.server(on_server())
    assert f"[{name}]" in request.node.name
    assert version[0].isdigit()
    assert ("MariaDB" in version) == (name == "MariaDB")


def test_times_keep_microseconds_and_sessions_are_strict_and_in_utc(on_server):
    settings = on_server()
    migrate.upgrade(settings)
    late = order("O-1", when="2025-10-31 23:59:59.999999")
    database_load.merge(settings, tables(orders=[late]), [ledger_row(1)])
    (found,) = database.query("select order_date_time as t from orders", settings)["t"]
    assert found == pd.Timestamp("2025-10-31 23:59:59.999999")
    session = database.query("select @@time_zone as zone, @@sql_mode as mode", settings).iloc[0]
    assert session["zone"] == "+00:00"
    assert "STRICT_ALL_TABLES" in session["mode"]


def test_sums_stay_in_the_memory_of_mariadb(on_mariadb):
    session = database.query("select @@tmp_table_size as a, @@max_heap_table_size as b", on_mariadb())
    assert session.iloc[0].tolist() == [2**28, 2**28]


def test_values_that_the_bulk_loader_would_alter_abort_the_publish(on_server):
    settings = on_server(DB_LOCAL_INFILE="1")
    migrate.upgrade(settings)
    content = tables([customer("C" * 300), customer("C-2", "9000000002")])
    with pytest.raises(
        database_load.AlteredRows, match=r"new_customers: the server warned of 1 values, first: .*customer_id"
    ):
        database_load.merge(settings, content, [ledger_row(1, "customers")])
    assert database.ledger(settings).empty
    assert database.query("select * from customers", settings).empty


def assert_earlier_rows_yield(settings):
    late = tables([customer("C-1", delivery=2)], [order("O-1", paise=200, delivery=2)])
    early = tables(
        [customer("C-1", name="Old"), customer("C-2", "9000000002")],
        [order("O-1", paise=100), order("O-2", paise=300)],
        [item("O-1", "SKU-9"), item("O-2")],
    )
    database_load.merge(settings, late, [ledger_row(2)])
    database_load.merge(settings, early, [ledger_row(1)])
    found = in_database(settings)
    assert found["customers"] == [
        customer("C-1", delivery=2),
        customer("C-2", "9000000002"),
    ]
    assert found["orders"] == [order("O-1", paise=200, delivery=2), order("O-2", paise=300)]
    assert found["order_items"] == [item("O-1", delivery=2), item("O-2")]


@pytest.mark.parametrize("infile", ["0", "1"])
def test_rows_of_an_earlier_delivery_yield_to_those_that_are_there(on_server, infile):
    settings = on_server(DB_LOCAL_INFILE=infile)
    migrate.upgrade(settings)
    assert_earlier_rows_yield(settings)


@pytest.mark.parametrize("infile", ["0", "1"])
def test_what_is_said_to_mysql_mariadb_understands_too(on_mariadb, monkeypatch, infile):
    """So that some of it is tested where there is no MySQL."""
    settings = on_mariadb(DB_LOCAL_INFILE=infile)
    migrate.upgrade(settings)
    engine = database.engine(settings, settings.db_local_infile)
    engine.connect().close()  # the first connection asks the server which it is
    monkeypatch.setattr(engine.dialect, "is_mariadb", False)
    assert_earlier_rows_yield(settings)


@pytest.mark.parametrize("infile", ["0", "1"])
def test_the_server_has_no_word_to_say_about_a_publish(on_server, infile):
    """Deprecated words are warned of, before they are no longer understood."""
    settings = on_server(DB_LOCAL_INFILE=infile)
    migrate.upgrade(settings)
    said = []

    def ask(opened, cursor, statement, *_):
        if not statement.startswith("show"):
            with opened.connection.cursor() as other:
                other.execute("show warnings")
                said.extend((statement, *found) for found in other if found[0] != "Note")

    engine = database.engine(settings, settings.db_local_infile)
    event.listen(engine, "after_cursor_execute", ask)
    assert_earlier_rows_yield(settings)
    take_out(settings)
    event.remove(engine, "after_cursor_execute", ask)
    assert said == []


def test_local_infile_is_on_for_the_loader_only(on_server):
    settings = on_server(DB_LOCAL_INFILE="1")
    for loader, expected in ((True, True), (False, False)):
        with database.connection(settings, local_infile=loader) as opened:
            assert opened.connection.driver_connection._local_infile is expected


@pytest.fixture
def server_without_loader(server):
    """A server that takes no files from its clients, as MySQL is when nobody changed it."""
    server.run("set global local_infile = 0")
    yield server
    server.run("set global local_infile = 1")


@pytest.mark.usefixtures("server_without_loader")
def test_a_server_that_does_not_allow_its_loader_is_told_of_before_anything_is_written(on_server):
    settings = on_server(DB_LOCAL_INFILE="1")
    migrate.upgrade(settings)
    content = (tables([customer("C-1")]), [ledger_row(1, "customers")])
    with pytest.raises(database.DatabaseUnavailable, match=r"unset DB_LOCAL_INFILE, or .* local_infile = 1"):
        database_load.merge(settings, *content)
    assert database.ledger(settings).empty
    database_load.merge(settings.model_copy(update={"db_local_infile": False}), *content)
    assert in_database(settings)["customers"] == [customer("C-1")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"DB_PASSWORD": "wrong/#"}, "user or password is wrong"),
        ({"DB_NAME": "nowhere"}, "there is no such database, or it is not granted"),
        ({"DB_PORT": "1"}, "no server answers there"),
    ],
)
def test_an_unavailable_database_says_what_to_check_but_no_password(on_server, change, said):
    settings = on_server(**change)
    with pytest.raises(database.DatabaseUnavailable, match=said) as caught:
        database.query("select 1", settings)
    assert f"{settings.db_name!r} as 'akasa' on 127.0.0.1:{settings.db_port}" in str(caught.value)
    assert servers.PASSWORD not in str(caught.value)
    assert "wrong/#" not in str(caught.value)


def test_a_server_that_is_still_starting_is_waited_for(on_server, server):
    settings = on_server(DB_WAIT="60")
    database.engine(settings).dispose()
    server.stop()
    late = threading.Timer(1, server.start)
    late.start()
    try:
        assert database.query("select 1 as one", settings)["one"].tolist() == [1]
    finally:
        late.join()


def test_a_wrong_password_is_told_at_once_however_long_one_would_wait(on_server):
    settings, began = on_server(DB_WAIT="60", DB_PASSWORD="wrong/#"), time.monotonic()
    with pytest.raises(database.DatabaseUnavailable, match="user or password is wrong"):
        database.query("select 1", settings)
    assert time.monotonic() - began < 30


def test_a_second_run_waits_and_then_says_who_holds_the_database(on_server):
    settings = on_server(LOCK_TIMEOUT="0.5")
    with (
        lock.hold_database(settings, "run"),
        pytest.raises(lock.Busy, match=r"connection \d+ of akasa from .* holds the database; waited 0.5 s"),
    ):
        lock.hold_database(settings, "run").__enter__()
    with lock.hold_database(settings, "run"):
        pass


@pytest.fixture
def impatient_server(server):
    """A server that ends connections which idle for two seconds."""
    before = server.run("select @@global.wait_timeout").strip()
    server.run("set global wait_timeout = 2")
    yield server
    server.run(f"set global wait_timeout = {before}")


@pytest.mark.usefixtures("impatient_server")
def test_a_lock_is_held_for_longer_than_the_server_lets_others_idle(on_server):
    settings = on_server(LOCK_TIMEOUT="0")
    with lock.hold_database(settings, "publish"):
        time.sleep(4)
        with pytest.raises(lock.Busy, match="holds the database"):
            lock.hold_database(settings, "publish").__enter__()
        with database.transaction(settings) as opened:
            lock.require_held(settings, opened)


def test_the_connection_of_a_lock_is_used_all_the_while(on_server, monkeypatch):
    settings = on_server()
    monkeypatch.setattr(lock, "BREATH_SECONDS", 0.2)
    with lock.hold_database(settings, "publish"):
        time.sleep(2)
        idle = database.query(
            "select time from information_schema.processlist "
            "where id = is_used_lock(concat('akasa:publish:', database()))",
            settings,
        )
    assert idle["time"].item() < 2


def publish_more(settings):
    database_load.merge(settings, tables([customer("C-2")]), [ledger_row(2, "customers")])


def take_out(settings):
    row = ledger_row(1, accepted=0, rejected=1, rules_version=1)
    database_load.replace(settings, pd.Series(["O-1"]), tables(), [row], datetime(2025, 11, 16))


@pytest.mark.parametrize("write", [publish_more, take_out])
def test_a_publish_whose_lock_was_lost_is_rolled_back(on_server, server, write):
    settings = on_server()
    migrate.upgrade(settings)
    content = tables([customer("C-1")], [order("O-1")])
    database_load.merge(settings, content, [ledger_row(1)])
    before = in_database(settings)
    with lock.publish(settings):
        holder = server.run(f"select is_used_lock('akasa:publish:{settings.db_name}')").strip()
        server.run(f"kill {holder}")
        with pytest.raises(lock.LockLost, match="the server ended the connection that held the lock"):
            write(settings)
    assert in_database(settings) == before


class CuttingProxy(threading.Thread):
    """Forwards one client to the server, and cuts the line just after COMMIT was passed on, or before."""

    def __init__(self, port: int, pass_commit: bool) -> None:
        super().__init__(daemon=True)
        self.port, self.pass_commit = port, pass_commit
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listening = self.listener.getsockname()[1]

    def run(self) -> None:
        client, _ = self.listener.accept()
        with client, socket.create_connection(("127.0.0.1", self.port)) as server:
            back = threading.Thread(target=self._forward, args=(server, client), daemon=True)
            back.start()
            while data := client.recv(65536):
                if data.endswith(b"\x03COMMIT"):
                    if self.pass_commit:
                        server.sendall(data)
                        threading.Event().wait(0.5)
                    break
                server.sendall(data)
            for end in (client, server):
                end.shutdown(socket.SHUT_RDWR)
            back.join()
        self.listener.close()

    @staticmethod
    def _forward(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass


@pytest.mark.parametrize("pass_commit", [True, False])
def test_a_connection_lost_at_commit_is_decided_by_the_ledger(on_mariadb, monkeypatch, pass_commit):
    settings = on_mariadb()  # to MySQL, the driver speaks TLS, where nobody sees a commit pass
    migrate.upgrade(settings)
    proxy = CuttingProxy(settings.db_port, pass_commit)
    proxy.start()
    through = Settings.model_validate({**settings.model_dump(), "db_port": proxy.listening})
    for name in ("ledger", "sightings"):
        monkeypatch.setattr(database, name, partial(lambda ask, _: ask(settings), getattr(database, name)))
    content = (tables([customer("C-1")]), [ledger_row(1, "customers")])
    if pass_commit:
        database_load.merge(through, *content)
    else:
        with pytest.raises(OperationalError, match="Lost connection"):
            database_load.merge(through, *content)
    proxy.join(10)
    assert (
        len(database.ledger(settings))
        == len(database.query("select * from customers", settings))
        == pass_commit
    )


def test_a_server_killed_in_mid_publish_leaves_nothing_and_the_next_run_completes(on_server, server):
    settings = on_server()
    migrate.upgrade(settings)
    content = tables([customer("C-1")], [order("O-1")])

    def kill(*arguments):
        if "insert into new_order_items" in arguments[2]:
            server.kill()

    event.listen(database.engine(settings), "after_cursor_execute", kill)
    with pytest.raises(database.DatabaseUnavailable, match="no server answers there"):
        database_load.merge(settings, content, [ledger_row(1)])
    event.remove(database.engine(settings), "after_cursor_execute", kill)
    server.start()
    assert database.ledger(settings).empty
    assert database.query("select * from orders", settings).empty
    database_load.merge(settings, content, [ledger_row(1)])
    assert len(database.query("select * from orders", settings)) == 1


def test_migrations_and_models_agree_from_every_revision(on_server):
    for start in ("0001", "head"):
        settings = on_server("latin1")
        migrate.upgrade(settings, start)
        if start == "0001":
            first_rows.put(settings)
        else:
            database_load.merge(settings, tables([customer("C-1")], [order("O-1")]), [ledger_row(1)])
        migrate.upgrade(settings)
        assert differences_from_models(settings) == []
        assert len(database.query("select * from orders", settings)) == 1
        with database.transaction(settings) as opened:
            found = opened.execute(
                text(
                    "select distinct collation_name from information_schema.columns "
                    "where table_schema = database() and collation_name is not null "
                    "and table_name <> 'alembic_version'"
                )
            )
            assert found.scalars().all() == [dialects.of(opened).collation]


def test_no_kpi_reads_the_rows_of_many_orders_themselves(on_server):
    assert_index_is_enough(on_server(DB_LOCAL_INFILE="1"), 100_000)


@pytest.mark.long
def test_no_kpi_reads_the_rows_of_a_million_orders_themselves(on_mariadb):
    assert_index_is_enough(on_mariadb(DB_LOCAL_INFILE="1"), 1_000_000)


def assert_index_is_enough(settings, number):
    migrate.upgrade(settings)
    many = pd.RangeIndex(number)
    days = pd.Series(pd.date_range("2025-01-01", periods=300)[many % 300])
    orders = pd.DataFrame(
        {
            "order_id": [f"O-{i:07d}" for i in many],
            "mobile_number": (9_000_000_000 + many % 100_000).astype("str"),
            "order_date_time": days.astype("datetime64[us]"),
            "order_date": days.astype("datetime64[s]"),
            "total_amount_paise": many,
            "delivery_id": 1,
        }
    )
    customers = [customer(f"C-{i}", str(9_000_000_000 + i)) for i in range(100_000)]
    database_load.merge(settings, {**tables(customers), "orders": orders}, [ledger_row(1)])
    with database.connection(settings) as opened:
        opened.execute(text("analyze table orders, customers"))
    for name in DEFINITIONS:
        plan = sql.query_plan(settings, name, date(2025, 9, 30))
        (step,) = (line for line in plan.splitlines() if line.lstrip().startswith("orders: "))
        assert re.search(r"orders: (range|index), index ix_orders_kpis, .*Using index", step), plan
    months = sql.answer("monthly_trends", settings, date(2025, 9, 30))
    # so many orders a day, and one more on each of the first hundred days, until 10 April
    daily = number // 300
    days_and_more = [(31, 31), (28, 28), (31, 31), (30, 10), (31, 0), (30, 0), (31, 0), (31, 0), (30, 0)]
    counts = [days * daily + more for days, more in days_and_more]
    assert months["order_count"].tolist() == counts


def test_a_lock_that_the_server_has_freed_is_lost_and_can_be_taken_again(on_server, server):
    settings = on_server()
    name = f"akasa:run:{settings.db_name}"
    with lock.hold_database(settings, "run"):
        assert not lock.is_lost(settings, "run")
        server.run(f"kill {server.run(f'''select is_used_lock('{name}')''')}")
        until = time.monotonic() + 30
        while not lock.is_lost(settings, "run"):
            assert time.monotonic() < until
        with lock.hold_database(settings, "run"):
            assert not lock.is_lost(settings, "run")
    assert not lock.is_lost(settings, "run")
