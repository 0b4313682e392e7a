"""The published tables as ORM models. `migrations/` brings a database to them."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, DateTime, Index, Integer, String
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Without its fraction, MySQL's DATETIME rounds 23:59:59.6 into the next day.
MOMENT = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


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
    order_date_time: Mapped[datetime] = mapped_column(MOMENT)
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
    The counts are those of the day of publishing; `backfilled_rows` says by how many rows backfills have
    changed what was accepted since then.
    """

    __tablename__ = "deliveries"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    delivery_id: Mapped[int] = mapped_column(BigInteger, index=True)
    position: Mapped[str] = mapped_column(String(400))
    name: Mapped[str] = mapped_column(String(300))
    kind: Mapped[str] = mapped_column(String(16))
    amount_is: Mapped[str] = mapped_column(String(8))
    delivered_on: Mapped[date] = mapped_column(Date)
    records: Mapped[int] = mapped_column(BigInteger)
    accepted: Mapped[int] = mapped_column(BigInteger)
    rejected: Mapped[int] = mapped_column(BigInteger)
    repeats: Mapped[int] = mapped_column(BigInteger)
    published_at: Mapped[datetime] = mapped_column(MOMENT)
    backfilled_at: Mapped[datetime | None] = mapped_column(MOMENT)
    backfilled_rows: Mapped[int] = mapped_column(BigInteger, server_default="0")
