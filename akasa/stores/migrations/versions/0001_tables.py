"""The four tables: customers, orders, order_items, and the ledger of deliveries."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from akasa.stores.migrations import has_index, text_options

revision = "0001"
down_revision = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def _column(name: str, kind: Any, primary_key: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, primary_key=primary_key)


def upgrade() -> None:
    options: dict[str, Any] = {**text_options(op.get_bind()), "if_not_exists": True}
    op.create_table(
        "customers",
        _column("customer_id", sa.String(255), primary_key=True),
        _column("customer_name", sa.String(255)),
        _column("mobile_number", sa.String(10)),
        _column("region", sa.String(255)),
        _column("delivery_id", sa.BigInteger()),
        **options,
    )
    op.create_table(
        "orders",
        _column("order_id", sa.String(255), primary_key=True),
        _column("mobile_number", sa.String(10)),
        _column("order_date_time", MOMENT),
        _column("order_date", sa.Date()),
        _column("total_amount_paise", sa.BigInteger()),
        _column("delivery_id", sa.BigInteger()),
        **options,
    )
    op.create_table(
        "order_items",
        _column("order_id", sa.String(255), primary_key=True),
        _column("sku_id", sa.String(255), primary_key=True),
        _column("sku_count", sa.Integer()),
        sa.Column("amount_paise", sa.BigInteger(), nullable=True),
        _column("delivery_id", sa.BigInteger()),
        **options,
    )
    op.create_table(
        "deliveries",
        _column("sha256", sa.String(64), primary_key=True),
        _column("delivery_id", sa.BigInteger()),
        _column("position", sa.String(400)),
        _column("name", sa.String(300)),
        _column("kind", sa.String(16)),
        _column("amount_is", sa.String(8)),
        _column("delivered_on", sa.Date()),
        *(_column(count, sa.BigInteger()) for count in ("records", "accepted", "rejected", "repeats")),
        _column("published_at", MOMENT),
        **options,
    )
    for table, column in (("customers", "mobile_number"), ("deliveries", "delivery_id")):
        if not has_index(op.get_bind(), table, f"ix_{table}_{column}"):
            op.create_index(f"ix_{table}_{column}", table, [column])
