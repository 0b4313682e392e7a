"""The database: ORM models, connection, queries, and the publish that commits rows and ledger together."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
from sqlalchemy import (
    BigInteger,
    Connection,
    Date,
    DateTime,
    Engine,
    Index,
    Integer,
    NullPool,
    String,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from akasa.settings import Settings, load


class Base(DeclarativeBase):
    """The four published tables. Every row remembers the delivery that it came from (`delivery_id`)."""


class Customer(Base):
    __tablename__ = "customers"

    customer_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    customer_name: Mapped[str] = mapped_column(String(255))
    mobile_number: Mapped[str] = mapped_column(String(10), index=True)
    region: Mapped[str] = mapped_column(String(255))
    delivery_id: Mapped[int] = mapped_column(BigInteger)


class Order(Base):
    __tablename__ = "orders"
    __table_args__ = (Index("ix_orders_kpis", "order_date", "mobile_number", "total_amount_paise"),)

    order_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    mobile_number: Mapped[str] = mapped_column(String(10))
    order_date_time: Mapped[datetime] = mapped_column(DateTime)
    order_date: Mapped[date] = mapped_column(Date)
    total_amount_paise: Mapped[int] = mapped_column(BigInteger)
    delivery_id: Mapped[int] = mapped_column(BigInteger)


class OrderItem(Base):
    __tablename__ = "order_items"

    order_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    sku_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    sku_count: Mapped[int] = mapped_column(Integer)
    amount_paise: Mapped[int | None] = mapped_column(BigInteger)
    delivery_id: Mapped[int] = mapped_column(BigInteger)


class DeliveryRecord(Base):
    """The ledger: one row for each delivery ever published, committed with its rows.

    `delivery_id` is the first 60 bits of the sha256; the order of `position` is the order of deliveries.
    """

    __tablename__ = "deliveries"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    delivery_id: Mapped[int] = mapped_column(BigInteger, index=True)
    position: Mapped[str] = mapped_column(String(400))
    name: Mapped[str] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(16))
    amount_is: Mapped[str] = mapped_column(String(8))
    delivered_on: Mapped[date] = mapped_column(Date)
    records: Mapped[int] = mapped_column(BigInteger)
    accepted: Mapped[int] = mapped_column(BigInteger)
    rejected: Mapped[int] = mapped_column(BigInteger)
    repeats: Mapped[int] = mapped_column(BigInteger)
    published_at: Mapped[datetime] = mapped_column(DateTime)


TABLES = ("customers", "orders", "order_items")


def engine(settings: Settings) -> Engine:
    """Return the engine of the settings' database, its tables created where they are missing."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    made = create_engine(settings.database_url, poolclass=NullPool)
    event.listen(made, "connect", _leave_transactions_to_us)
    event.listen(made, "begin", lambda connection: connection.exec_driver_sql("begin"))
    if not inspect(made).has_table(DeliveryRecord.__tablename__):
        Base.metadata.create_all(made)
    return made


@contextmanager
def transaction(settings: Settings) -> Iterator[Connection]:
    """Open a connection and a transaction that commits at the end, or rolls back on any error."""
    with engine(settings).begin() as connection:
        yield connection


def query(sql: str, settings: Settings | None = None, **params: Any) -> pd.DataFrame:
    """Run one SQL query with bound parameters (`:name`) and return its rows as a frame."""
    with transaction(settings or load()) as connection:
        result = connection.execute(text(sql), params)
        return pd.DataFrame(result.fetchall(), columns=list(result.keys()))


def ledger(settings: Settings) -> pd.DataFrame:
    """Return the ledger of published deliveries in delivery order, all its columns; times as text."""
    found = query("select * from deliveries order by position", settings)
    whole = ("delivery_id", "records", "accepted", "rejected", "repeats")
    return found.astype({**dict.fromkeys(whole, "int64"), "published_at": "str"})


def latest_order_date(settings: Settings) -> date | None:
    """Return the latest published order date, or None where no order was published."""
    (latest,) = query("select max(order_date) as latest from orders", settings)["latest"]
    return date.fromisoformat(latest) if latest else None


def publish(
    settings: Settings,
    tables: Mapping[str, pd.DataFrame],
    ledger_rows: Sequence[Mapping[str, Any]],
    replace_all: bool = False,
) -> None:
    """Commit accepted rows and their ledger rows in one transaction.

    `tables` holds customers, orders and order_items, one row a key, each with its `delivery_id`.
    A row yields to the one that is there when that one's delivery stands later in the order of deliveries,
    so it does not matter in which order deliveries are published. `replace_all` empties the tables first.
    """
    with transaction(settings) as connection:
        if replace_all:
            for name in (*TABLES, "deliveries"):
                connection.exec_driver_sql(f"delete from {name}")
        _insert(connection, "deliveries", pd.DataFrame(ledger_rows))
        for name in TABLES:
            _stage(connection, name, tables[name])
        for name, key in (("customers", "customer_id"), ("orders", "order_id")):
            connection.exec_driver_sql(_DROP_SUPERSEDED.format(table=name, key=key))
            _merge(connection, name, key)
        connection.exec_driver_sql(
            "delete from order_items where order_id in (select order_id from new_orders)"
        )
        connection.exec_driver_sql(
            "insert into order_items select new_order_items.* from new_order_items "
            "join new_orders on new_orders.order_id = new_order_items.order_id "
            "order by new_order_items.order_id, new_order_items.sku_id"
        )


_DROP_SUPERSEDED = """
delete from new_{table}
where exists (
    select 1
    from {table}
    join deliveries as published on published.delivery_id = {table}.delivery_id
    join deliveries as arriving on arriving.delivery_id = new_{table}.delivery_id
    where {table}.{key} = new_{table}.{key} and published.position > arriving.position
)
"""


def _leave_transactions_to_us(connection: Any, _: Any) -> None:
    """Stop the sqlite3 module from beginning and committing by itself, which would split a publish."""
    connection.isolation_level = None


def _stage(connection: Connection, name: str, frame: pd.DataFrame) -> None:
    """Put rows into a temporary table `new_<name>` of the same columns."""
    connection.exec_driver_sql(f"create temporary table new_{name} as select * from {name} where false")
    _insert(connection, f"new_{name}", frame[_columns(name)])


def _merge(connection: Connection, name: str, key: str) -> None:
    columns = _columns(name)
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns if column != key)
    connection.exec_driver_sql(
        f"insert into {name} ({', '.join(columns)}) select {', '.join(columns)} from new_{name} where true "
        f"order by {key} on conflict ({key}) do update set {changes}"
    )


def _insert(connection: Connection, name: str, frame: pd.DataFrame) -> None:
    """Insert a frame with the driver's own batches: SQLAlchemy's executemany is twenty times slower."""
    if len(frame):
        marks = ", ".join("?" for _ in frame.columns)
        columns = ", ".join(frame.columns)
        rows = list(zip(*(_storable(frame[column]) for column in frame.columns), strict=True))
        connection.exec_driver_sql(f"insert into {name} ({columns}) values ({marks})", rows)


def _storable(column: "pd.Series[Any]") -> list[Any]:
    """Return plain Python values; dates and times as the text that SQLite keeps."""
    values = pa.array(column, from_pandas=True)
    if column.name in ("order_date", "delivered_on"):
        values = values.cast(pa.date32())
    if pa.types.is_temporal(values.type):
        values = values.cast(pa.string())
    found: list[Any] = values.to_pylist()
    return found


def _columns(table: str) -> list[str]:
    return [column.name for column in Base.metadata.tables[table].columns]
