"""Workspaces of earlier versions come along with their data: of the first ones, and of that before holdings.

`tests/data/first_release/` has two, made by the commands of the first versions with a README, on SQLite (none
of whose databases had migrations yet) and on MariaDB (with a dump of its database, which stood at 0002): the
sample, and the day with it that other tests use.

`tests/data/before_holdings/` has two, made by that version's own commands, on SQLite and on MariaDB (with a
dump of its database): base files with a rejected record; a day on which number 9000000001 went from C-1 to
C-3; a day on which C-2 changed the number, O-20 was corrected and the first day's orders came again as a
copy; then a backfill, which put a total of O-3 right that was not what had been delivered.
"""

import shutil
import tarfile
from pathlib import Path

import pytest
from lib import reference, restoring, stores
from lib.drops import run
from lib.schema import differences_from_models
from lib.servers import PASSWORD

from akasa.kpis import engines
from akasa.stores import database, migrate
from akasa.validate import rules

DATA = Path(__file__).parents[1] / "data"
COPY = "incoming/orders_2025-11-14.xml"
# Of what a run has published and audited, and of a server's plans of queries.
ACCOUNTS = ("notebooks", "audit.html", "data_docs")


def unpacked(request, version, workspace):
    """Give settings of a workspace as a version left it, on SQLite or MariaDB."""
    with tarfile.open(DATA / version / f"{request.param}.tar.gz") as packed:
        packed.extractall(workspace.data_dir, filter="data")
    if request.param == "sqlite":
        return workspace
    settings = request.getfixturevalue("on_mariadb")()
    dump = (workspace.data_dir / "mariadb.sql").read_text("utf-8")
    request.getfixturevalue("mariadb_server").run(f"use {settings.db_name}; {dump}commit")
    return settings.model_copy(update={"data_dir": workspace.data_dir})


@pytest.fixture(params=["sqlite", "mariadb"])
def earlier(request, workspace):
    """The version before holdings."""
    return unpacked(request, "before_holdings", workspace)


@pytest.fixture(params=["sqlite", "mariadb"])
def first(request, workspace):
    """The first versions."""
    return unpacked(request, "first_release", workspace)


def delivered(settings):
    """Return name and bytes of all files."""
    paths = [settings.customers_csv, settings.orders_xml, *sorted(settings.incoming.iterdir())]
    return [(str(path.relative_to(settings.data_dir)), path.read_bytes()) for path in paths]


def assert_as_the_reference(settings, deliveries):
    """Compare ledger counts, orders, holdings, and every KPI of every engine."""
    expected = reference.publish(deliveries)
    counts = ["name", "records", "accepted", "rejected", "repeats"]
    known = [tuple(entry[name] for name in counts) for entry in expected["ledger"]]
    assert [*database.ledger(settings)[counts].itertuples(index=False, name=None)] == known
    assert [row[:4] for row in stores.holdings(settings)] == reference.holdings(expected["claims"])
    found = {row[0]: row[4] for row in stores.rows(settings)["orders"]}
    assert found == {key: order["total_amount_paise"] for key, order in expected["orders"].items()}
    last = engines.last_day(settings, "sql", None)
    computed = engines.compute(settings, "sql", last) | engines.compute(settings, "both", last)
    for kpi, rows in reference.kpis(expected).items():
        for engine, frames in computed.items():
            plain = frames[kpi].astype({c: "str" for c in frames[kpi] if c.endswith("date")})
            assert plain.to_dict("records") == rows, engine


def test_the_next_run_says_what_moved_and_stands_as_from_scratch(earlier, capsys):
    statuses = run(earlier)
    assert statuses.pop(COPY) == "again"
    assert set(statuses.values()) == {"repeat"}
    said = capsys.readouterr().err
    assert "5 orders go back to earlier holders of their numbers" in said
    assert "6 that nobody seemed to own to customers who have another number now" in said
    deliveries = delivered(earlier)
    assert_as_the_reference(earlier, deliveries)
    found = engines.compute(earlier, "sql", engines.last_day(earlier, "sql", None))["sql"]
    repeat = found["repeat_customers"][["customer_id", "order_count"]].to_numpy().tolist()
    assert repeat == [["C-2", 7], ["C-1", 5], ["C-3", 2]]
    assert "again" not in run(earlier).values()
    assert "note" not in capsys.readouterr().err
    assert_as_the_reference(earlier, deliveries)


def test_what_is_no_longer_to_be_had_counts_as_it_is_published(earlier, capsys):
    deliveries, name = delivered(earlier), "incoming/customers_2025-11-12.csv"
    (earlier.data_dir / name).unlink()
    for staged in earlier.staging.glob("*.parquet"):
        staged.unlink()
    run(earlier)
    assert f"what {name} was judged to be is no longer kept" in capsys.readouterr().err
    assert_as_the_reference(earlier, deliveries)


@pytest.mark.long
def test_the_first_release_comes_along_and_reports_as_from_scratch(first, tmp_path, monkeypatch):
    before, after = migrate.upgrade(first)
    assert (before, after) == ("0002" if first.db_host else None, migrate.scripts().get_current_head())
    changes = differences_from_models(first)  # SQLite heeds no length of a text
    assert first.db_host is None or changes == []
    assert {change[0][0] for change in changes} <= {"modify_type"}
    where = {name.upper(): str(getattr(first, name)) for name in ("db_host", "db_port", "db_name", "db_user")}
    where = {**where, "DB_PASSWORD": PASSWORD} if first.db_host else {}
    restoring.report(monkeypatch, tmp_path, **where)
    upgraded = restoring.outputs(tmp_path, ACCOUNTS)
    restoring.derive_all(monkeypatch, tmp_path, **where)
    restoring.report(monkeypatch, tmp_path, **where)
    assert database.ledger(first)["rules_version"].eq(rules.RULES_VERSION).all()

    copied = shutil.ignore_patterns("akasa.db", "warehouse", "staging", "rejects", "judged", "audits", ".*")
    shutil.copytree(tmp_path / "data", tmp_path / "fresh/data", ignore=copied)
    restoring.report(monkeypatch, tmp_path / "fresh")
    from_scratch = restoring.outputs(tmp_path / "fresh", ACCOUNTS)
    as_now = restoring.outputs(tmp_path, ACCOUNTS)
    assert restoring.without_verdicts(as_now) == restoring.without_verdicts(from_scratch)
    assert {name for name in upgraded if name.startswith(("sql_", "pandas_"))}
    assert {name: upgraded[name] for name in upgraded if name.startswith(("sql_", "pandas_"))} == {
        name: from_scratch[name] for name in from_scratch if name.startswith(("sql_", "pandas_"))
    }
