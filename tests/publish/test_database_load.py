"""Rows arrive in the database as they were sent, however many there are."""

import pyarrow as pa
import pytest

from akasa.publish.database_load import Load
from akasa.stores import database

pytestmark = pytest.mark.usefixtures("migrated")


@pytest.mark.parametrize("count", [0, 1, 198, 199, 200, 16_384, 2 * 16_384 + 199 + 3])
def test_all_rows_are_inserted_in_their_order(workspace, count):
    numbers = [f"C-{number:06d}" for number in range(count)]
    told = {"customer_id": numbers, "customer_name": [f"Name of {one}" for one in numbers]}
    told |= {"mobile_number": ["9000000001"] * count, "region": ["é"] * count}
    rows = pa.table({**told, "delivery_id": pa.array(range(count), pa.int64())})
    with database.transaction(workspace) as opened:
        Load(opened, infile=False).insert("customers", rows)
    found = database.query("select * from customers order by rowid", workspace)
    assert found.to_dict("list") == {**rows.to_pydict()}


def test_what_is_null_is_inserted_as_null(workspace):
    rows = pa.table({"order_id": ["O-1", "O-2"], "sku_id": ["S", "S"], "sku_count": [1, 2]})
    rows = rows.append_column("amount_paise", pa.array([None, 5], pa.int64()))
    rows = rows.append_column("delivery_id", pa.array([1, 1], pa.int64()))
    with database.transaction(workspace) as opened:
        Load(opened, infile=False).insert("order_items", rows)
    found = database.query("select amount_paise from order_items order by order_id", workspace)
    assert found["amount_paise"].tolist()[1] == 5
    assert found["amount_paise"].isna().tolist() == [True, False]
