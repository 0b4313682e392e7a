"""The database: its schema, queries with bound parameters, and a publish that is one transaction."""

import sqlite3

import pytest
from lib.stores import customer, in_database, ledger_row, order, tables
from sqlalchemy import inspect
from sqlalchemy.exc import IntegrityError, OperationalError

from akasa.publish import database_load
from akasa.stores import database, migrate
from akasa.workspace.settings import Settings

pytestmark = pytest.mark.usefixtures("migrated")


TABLES = ("customers", "orders", "order_items", "deliveries")


def count(settings, table):
    return int(database.query(f"select count(*) as n from {table}", settings)["n"][0])


def test_tables_have_the_keys_columns_and_indexes_of_the_design(workspace):
    found = inspect(database.engine(workspace))
    columns = {table: [c["name"] for c in found.get_columns(table)] for table in TABLES}
    keys = {table: found.get_pk_constraint(table)["constrained_columns"] for table in columns}
    assert keys == {
        "customers": ["customer_id"],
        "orders": ["order_id"],
        "order_items": ["order_id", "sku_id"],
        "deliveries": ["sha256"],
    }
    assert columns["customers"] == ["customer_id", "customer_name", "mobile_number", "region", "delivery_id"]
    assert columns["orders"] == [
        "order_id",
        "mobile_number",
        "order_date_time",
        "order_date",
        "total_amount_paise",
        "delivery_id",
    ]
    assert columns["order_items"] == ["order_id", "sku_id", "sku_count", "amount_paise", "delivery_id"]
    counts = ["records", "accepted", "rejected", "repeats"]
    assert {"sha256", "name", "kind", *counts, "published_at"} <= set(columns["deliveries"])
    (paise,) = (c for c in found.get_columns("orders") if c["name"] == "total_amount_paise")
    assert str(paise["type"]) == "BIGINT"
    assert ["mobile_number"] in [index["column_names"] for index in found.get_indexes("customers")]


def test_every_upserted_table_has_one_unique_key(workspace):
    found = inspect(database.engine(workspace))
    for table in found.get_table_names():
        assert not found.get_unique_constraints(table)
        assert not [index for index in found.get_indexes(table) if index["unique"]]


def test_a_database_that_was_deleted_is_made_again(workspace):
    assert count(workspace, "orders") == 0
    (workspace.data_dir / "akasa.db").unlink()
    migrate.upgrade(workspace)
    assert count(workspace, "orders") == 0


def test_query_binds_parameters_as_values(workspace):
    database_load.merge(workspace, tables([customer("007"), customer("7", "9000000002")]), [ledger_row(1)])
    sql = "select customer_id from customers where customer_id = :id"
    assert list(database.query(sql, workspace, id="007")["customer_id"]) == ["007"]
    assert list(database.query(sql, workspace, id="' or ''='")["customer_id"]) == []
    assert database.query(sql, workspace, id="8").columns.tolist() == ["customer_id"]


def test_query_takes_the_settings_of_the_environment(workspace):
    database_load.merge(workspace, tables([customer("C-1")]), [ledger_row(1)])
    assert list(database.query("select customer_id from customers")["customer_id"]) == ["C-1"]


def test_query_with_a_fault_says_so(workspace):
    with pytest.raises(OperationalError, match="no such table: flights"):
        database.query("select * from flights", workspace)


def stop_after_an_insert(settings):
    with database.transaction(settings) as connection:
        connection.exec_driver_sql("insert into customers values ('C-1', 'A', '9000000001', 'North', 1)")
        raise ValueError("stop")


def test_a_transaction_that_fails_leaves_nothing(workspace):
    with pytest.raises(ValueError, match="stop"):
        stop_after_an_insert(workspace)
    assert count(workspace, "customers") == 0


def test_a_query_gives_days_and_times_as_text(workspace):
    database_load.merge(workspace, tables(orders=[order("10")]), [ledger_row(1)])
    found = database.query("select order_date, order_date_time from orders", workspace)
    assert found.values.tolist() == [["2025-10-12", "2025-10-12 09:15:32.000000"]]


def test_deliveries_are_ordered_by_position_not_by_number(workspace):
    rows = [ledger_row(1, position="2\tb"), ledger_row(2, position="1\ta")]
    database_load.merge(workspace, tables(orders=[order("O-1", paise=100, delivery=1)]), rows)
    database_load.merge(workspace, tables(orders=[order("O-1", paise=200, delivery=2)]), [])
    assert in_database(workspace)["orders"] == [order("O-1", paise=100, delivery=1)]
    assert list(database.ledger(workspace)["delivery_id"]) == [2, 1]


def test_an_error_in_the_middle_leaves_neither_rows_nor_ledger(workspace):
    database_load.merge(workspace, tables([customer("C-1")], [order("O-1")]), [ledger_row(1)])
    before = in_database(workspace)
    spoilt = tables([customer("C-1", delivery=2)], [order("O-1", delivery=2), order("O-2", delivery=2)])
    spoilt["order_items"].loc[1, "sku_id"] = None
    for number in (2, 1):
        with pytest.raises(IntegrityError, match=r"order_items\.sku_id"):
            database_load.merge(workspace, spoilt, [ledger_row(number)])
        assert in_database(workspace) == before


def test_the_server_is_named_with_its_version(workspace):
    assert database.server(workspace) == ("SQLite", sqlite3.sqlite_version)


def test_the_ledger_has_whole_numbers_also_when_it_is_empty(workspace):
    counts = ["delivery_id", "records", "accepted", "rejected", "repeats"]
    assert set(database.ledger(workspace)[counts].dtypes.astype(str)) == {"int64"}
    database_load.merge(workspace, tables(), [ledger_row(1)])
    assert set(database.ledger(workspace)[counts].dtypes.astype(str)) == {"int64"}


def test_the_ledger_gives_days_and_times_as_text(workspace):
    database_load.merge(workspace, tables(), [ledger_row(1)])
    (row,) = database.ledger(workspace).itertuples(index=False)
    assert (row.delivered_on, row.published_at) == ("2025-11-15", "2025-11-15 12:00:00.000001")


def test_the_database_is_mysql_where_a_host_is_set_whatever_is_in_the_password(workspace):
    assert database.url(workspace).render_as_string() == f"sqlite:///{workspace.data_dir}/akasa.db"
    settings = Settings(db_host="db.example", db_user="u", db_password="c4n@ry:/pw#1%", db_name="n")
    made = database.url(settings)
    assert (made.drivername, made.host, made.port, made.database) == (
        "mysql+pymysql",
        "db.example",
        3306,
        "n",
    )
    assert made.password == "c4n@ry:/pw#1%"
    assert "c4n" not in str(made) + repr(settings)
