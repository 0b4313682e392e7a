"""Bytes of a delivery → Arrow batches of text, one row a record, nothing guessed.

Every batch has the column `record` (1 for the first data row or `<order>` element), the delivery's
fields as text exactly as they came (null where a field is absent), `malformed` (why the record cannot be
taken apart, else null) and `raw` (a malformed record's own text).
"""

from akasa.ingest.readers.customers_csv import read_customers
from akasa.ingest.readers.orders_xml import read_orders
from akasa.ingest.readers.records import CUSTOMER_FIELDS, ORDER_FIELDS, RefusedDelivery, shown

__all__ = [
    "CUSTOMER_FIELDS",
    "ORDER_FIELDS",
    "READER_VERSION",
    "RefusedDelivery",
    "read_customers",
    "read_orders",
    "shown",
]

# One more whenever the same bytes become other records, or are refused no longer: what was staged by
# another version is read again.
READER_VERSION = 2
