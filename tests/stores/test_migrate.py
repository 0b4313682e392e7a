from datetime import date

import pytest
from click.testing import CliRunner
from lib import first_rows
from lib.schema import differences_from_models

from akasa.__main__ import main
from akasa.stores import database, migrate


def test_up_from_nothing_is_what_the_models_say(workspace):
    assert migrate.upgrade(workspace) == (None, migrate.scripts().get_current_head())
    assert differences_from_models(workspace) == []


def test_up_from_each_earlier_revision_keeps_the_rows(workspace):
    for revision in reversed(list(migrate.scripts().walk_revisions())):
        migrate.upgrade(workspace, revision.revision)
        if revision.revision == "0001":
            first_rows.put(workspace)
    assert differences_from_models(workspace) == []
    assert database.query("select order_id from orders", workspace)["order_id"].tolist() == ["O-1"]
    held = database.rows(workspace, "holdings").to_pylist()
    ever, second, third = date(1000, 1, 1), date(2025, 11, 11), date(2025, 11, 12)
    assert [tuple(row.values()) for row in held] == [
        ("9000000001", "C-1", ever, second, ""),
        ("9000000001", "C-2", second, third, ""),
        ("9000000001", "C-3", third, None, ""),
        ("9000000004", "C-4", ever, None, ""),
    ]


def test_a_second_upgrade_does_nothing(workspace):
    head = migrate.scripts().get_current_head()
    migrate.upgrade(workspace)
    assert migrate.upgrade(workspace) == (head, head)


def test_a_migration_that_was_cut_short_can_be_run_again(workspace):
    migrate.upgrade(workspace)
    with database.transaction(workspace) as connection:
        connection.exec_driver_sql("delete from alembic_version")
        connection.exec_driver_sql("drop index ix_orders_kpis")
    migrate.upgrade(workspace)
    assert differences_from_models(workspace) == []


def test_a_database_of_a_newer_version_is_refused_by_every_command_and_left_as_it_is(workspace):
    migrate.upgrade(workspace)
    with database.transaction(workspace) as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    before = workspace.sqlite.read_bytes()
    for command in ("migrate", "backfill", "status"):
        done = CliRunner().invoke(main, [command])
        assert done.exit_code == 1
        assert "Traceback" not in done.output
        assert "newer" in done.output
    assert "use that version, then" in CliRunner().invoke(main, ["migrate"]).output
    assert workspace.sqlite.read_bytes() == before


def test_a_model_without_its_migration_is_noticed(workspace):
    migrate.upgrade(workspace, "0001")
    assert {change[0] for change in differences_from_models(workspace)} == {
        "add_index",
        "add_column",
        "add_table",
    }


@pytest.mark.parametrize("store", ["SQLite", "MariaDB"])
def test_counts_take_over_what_backfills_had_changed_beside_them(request, workspace, store):
    cfg = workspace if store == "SQLite" else request.getfixturevalue("on_mariadb")()
    migrate.upgrade(cfg, "0004")
    with database.transaction(cfg) as connection:
        for number, accepted, rejected, more in ((1, 2, 3, 2), (2, 4, 1, -1), (3, 5, 0, 1)):
            connection.exec_driver_sql(
                "insert into deliveries (sha256, delivery_id, position, name, kind, amount_is, delivered_on, "
                "records, accepted, rejected, repeats, published_at, backfilled_rows) values "
                f"('{number:064d}', {number}, '1 {number}', 'incoming/{number}.xml', 'orders', 'order', "
                f"'2025-11-15', 5, {accepted}, {rejected}, 0, '2025-11-15 12:00:00', {more})"
            )
    migrate.upgrade(cfg)
    ledger = database.ledger(cfg)
    assert ledger[["accepted", "rejected"]].values.tolist() == [[4, 1], [3, 2], [5, 0]]
    assert ledger["rules_version"].isna().all()
    assert differences_from_models(cfg) == []
