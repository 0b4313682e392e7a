"""The tables in SQL. `migrations/` brings a database to them."""

from typing import Any

from sqlalchemy import BigInteger, Column, Date, DateTime, Index, Integer, MetaData, String, Table
from sqlalchemy.dialects import mysql
from sqlalchemy.sql.schema import SchemaItem

from akasa.workspace import tables
from akasa.workspace.tables import Kind

# Without its fraction, MySQL's DATETIME rounds 23:59:59.6 into the next day.
MOMENT = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
METADATA = MetaData()

_TYPES: dict[Kind, Any] = {
    "text": String(tables.LONGEST_TEXT),
    "mobile": String(10),
    "moment": MOMENT,
    "day": Date(),
    "day or none": Date(),
    "count": Integer(),
    "paise": BigInteger(),
    "paise or none": BigInteger(),
    "id": BigInteger(),
    "place": String(400),
}


def _table(name: str, *indexes: SchemaItem) -> Table:
    columns = (
        Column(
            column,
            _TYPES[kind],
            primary_key=column in tables.KEYS[name],
            nullable=kind.endswith(" or none"),
        )
        for column, kind in tables.TABLES[name].items()
    )
    return Table(name, METADATA, *columns, *indexes)


def _filled(name: str, kind: Any, **more: Any) -> Column[Any]:
    return Column(name, kind, nullable=False, **more)


CUSTOMERS = _table("customers", Index("ix_customers_mobile_number", "mobile_number"))
ORDERS = _table("orders", Index("ix_orders_kpis", "order_date", "mobile_number", "total_amount_paise"))
ORDER_ITEMS = _table("order_items")
HOLDINGS = _table("holdings")

# The ledger: one row for each delivery ever published, committed with its rows. `delivery_id` is the first 60
# bits of the sha256; the order of `position` is the order of deliveries. The counts are those of what is
# published now, judged by the rules of `rules_version` (null: by those of before they had versions).
# A delivery is known by kind and sha256, and yet the sha256 alone is a key: bytes that begin as XML has to
# are refused as a CSV, so the same bytes are never published as both.
DELIVERIES = Table(
    "deliveries",
    METADATA,
    _filled("sha256", String(64), primary_key=True),
    _filled("delivery_id", BigInteger(), index=True),
    _filled("position", _TYPES["place"]),
    _filled("name", String(300)),
    _filled("kind", String(16)),
    _filled("amount_is", String(8)),
    _filled("delivered_on", Date()),
    *(_filled(count, BigInteger()) for count in ("records", "accepted", "rejected", "repeats")),
    _filled("published_at", MOMENT),
    Column("backfilled_at", MOMENT),
    Column("source_timezone", String(64)),
    Column("business_timezone", String(64)),
    Column("rules_version", Integer()),
)

# Under which names the bytes of each delivery ever lay, noted whenever they differ from what lay there at the
# last look: of one name with other bytes, the later sighting has the higher `revision`. `day` is the one in
# the name, or the day on which it was first seen; `seen_on` always is that one (TODAY, else the business's
# day). `withdrawn` is 1 where the delivery was taken back.
SIGHTINGS = Table(
    "sightings",
    METADATA,
    _filled("name", String(300), primary_key=True),
    _filled("revision", Integer(), primary_key=True),
    _filled("kind", String(16)),
    _filled("sha256", String(64)),
    _filled("day", Date()),
    _filled("withdrawn", Integer(), server_default="0"),
    Column("seen_on", Date()),
)
