"""One index that covers what the KPIs ask of orders: a range of days, then mobile number and total."""

from alembic import op

from akasa.stores.migrations import has_index

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    if not has_index(op.get_bind(), "orders", "ix_orders_kpis"):
        op.create_index("ix_orders_kpis", "orders", ["order_date", "mobile_number", "total_amount_paise"])
