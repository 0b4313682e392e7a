import pytest
from lib.schema import differences_from_models
from lib.stores import customer, ledger_row, order, tables

from akasa.publish import database_load
from akasa.stores import database, migrate


def test_up_from_nothing_is_what_the_models_say(workspace):
    assert migrate.upgrade(workspace) == (None, migrate.scripts().get_current_head())
    assert differences_from_models(workspace) == []


def test_up_from_each_earlier_revision_keeps_the_rows(workspace):
    for revision in reversed(list(migrate.scripts().walk_revisions())):
        migrate.upgrade(workspace, revision.revision)
        if revision.revision == "0001":
            database_load.merge(workspace, tables([customer("C-1")], [order("O-1")]), [ledger_row(1)])
    assert differences_from_models(workspace) == []
    assert database.query("select order_id from orders", workspace)["order_id"].tolist() == ["O-1"]


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
    gained, lost, elsewhere = (
        ledger_row(n, accepted=accepted, rejected=rejected, records=5, repeats=0)
        for n, accepted, rejected in ((1, 2, 3), (2, 4, 1), (3, 5, 0))
    )
    database_load.merge(cfg, tables(), [gained, lost, elsewhere])
    with database.transaction(cfg) as connection:
        for number, rows in ((1, 2), (2, -1), (3, 1)):
            connection.exec_driver_sql(
                f"update deliveries set backfilled_rows = {rows} where delivery_id = {number}"
            )
    migrate.upgrade(cfg)
    ledger = database.ledger(cfg)
    assert ledger[["accepted", "rejected"]].values.tolist() == [[4, 1], [3, 2], [5, 0]]
    assert ledger["rules_version"].isna().all()
    assert differences_from_models(cfg) == []
