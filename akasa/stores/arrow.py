"""The published tables as Arrow schemas: of rows as they come from the database, and go to the warehouse."""

import pyarrow as pa

from akasa.workspace.tables import TABLES, Kind

TEXT, WHOLE = pa.string(), pa.int64()
_TYPES: dict[Kind, pa.DataType] = {
    "text": TEXT,
    "mobile": TEXT,
    "moment": pa.timestamp("us"),
    "day": pa.date32(),
    "day or none": pa.date32(),
    "count": WHOLE,
    "paise": WHOLE,
    "paise or none": WHOLE,
    "id": WHOLE,
    "place": TEXT,
}
SCHEMAS = {
    table: pa.schema({column: _TYPES[kind] for column, kind in columns.items()})
    for table, columns in TABLES.items()
}
