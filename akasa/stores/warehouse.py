"""The warehouse: the published tables as Delta Lake, orders and their items partitioned by month.

It follows the database's ledger: `publish` is told which deliveries it should hold and brings itself level.
It lies in a folder, or in a bucket (see `storage`).
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, DeltaProtocolError
from pyarrow.dataset import Dataset, FileSystemDataset, InMemoryDataset, ParquetFileFormat

from akasa.stores import arrow
from akasa.workspace import storage
from akasa.workspace.settings import Settings, load

_MONTH = pa.field("order_month", arrow.TEXT)  # what orders and their items are partitioned by
SCHEMAS = {
    "customers": arrow.SCHEMAS["customers"],
    "orders": arrow.SCHEMAS["orders"].append(_MONTH),
    "order_items": arrow.SCHEMAS["order_items"].append(_MONTH),
    "holdings": arrow.SCHEMAS["holdings"],
    "deliveries": pa.schema(
        {
            "delivery_id": arrow.WHOLE,
            "sha256": arrow.TEXT,
            "position": arrow.TEXT,
            "name": arrow.TEXT,
            "published_at": arrow.TEXT,
            "backfilled_at": arrow.TEXT,
            "holds": arrow.TEXT,  # the same in every row: what the other tables held then (see `contents`)
        }
    ),
}
_NOT_BY_FILES = frozenset({"deletionVectors", "columnMapping"})  # features by which files alone mislead
UNREADABLE = (DeltaError, OSError, pa.ArrowException)  # what a cut log, or a lost or cut file, may raise


def customers(settings: Settings | None = None) -> pd.DataFrame:
    """Return customer_id, customer_name, mobile_number, region, delivery_id; a row a customer."""
    return select(settings or load(), "customers").combine_chunks().to_pandas()


def holdings(settings: Settings | None = None) -> pd.DataFrame:
    """Return who holds a number from which day until before which, by number and day.

    Columns: mobile_number, customer_id, from_day, until_day (none: still), position of the claim's delivery.
    """
    return select(settings or load(), "holdings").to_pandas(date_as_object=False)


def orders(settings: Settings | None = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return one row an order: order_id, mobile_number, order_date_time, order_date, total_amount_paise, …"""
    return select(settings or load(), "orders", columns).to_pandas(date_as_object=False)


def order_items(settings: Settings | None = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return one row an order line: order_id, sku_id, sku_count, amount_paise (null unless per line), …"""
    return select(settings or load(), "order_items", columns).to_pandas()


def opened(settings: Settings) -> dict[str, DeltaTable]:
    """Return the tables that are there, each at its present version.

    What is written through a table that was opened before another writer's commit is refused
    (CommitFailedError); written to its URI, it would undo that commit without a word.
    """
    return {name: present(settings, name) for name in SCHEMAS if exists(settings, name)}


def present(settings: Settings, name: str) -> DeltaTable:
    """Return a table at its present version."""
    place = storage.warehouse(settings)
    with place.faults():
        return DeltaTable(place.uri(name), storage_options=place.options)


def contents(settings: Settings, tables: Mapping[str, DeltaTable]) -> str:
    """Return of each opened table but `deliveries` its version, its rows, and a digest of its files' names.

    Two states of a warehouse that have it in common are the same. Raises one of UNREADABLE where a file is
    lost or cut off, for rows are counted in the files' footers; or the end of a table's log, which nobody
    misses who reads from a checkpoint, but every writer.
    """
    place = storage.warehouse(settings)
    for name, table in tables.items():
        end = f"_delta_log/{table.version():020d}.json"
        with place.faults():
            if not place.has(name, end):
                raise FileNotFoundError(f"{place.address(name, end)} is not there")
    told = []
    for name in (name for name in SCHEMAS if name in tables and name != "deliveries"):
        rows = count(name, settings, tables[name])
        digest = hashlib.sha256("\n".join(_paths(tables[name])).encode()).hexdigest()[:8]
        told.append(f"{name} {tables[name].version()} with {rows:,} rows ({digest})")
    return ", ".join(told)


def noted(settings: Settings, tables: Mapping[str, DeltaTable]) -> str | None:
    """Return the `contents` that the last publish noted; None where none was completed by this version."""
    if not _is_current(tables, "deliveries"):
        return None
    found = select(settings, "deliveries", ["holds"], at=tables["deliveries"])["holds"].unique().to_pylist()
    return " or ".join(found) or None


def dataset(table: str, settings: Settings, at: DeltaTable | None = None) -> Dataset:
    """Return a published table, for reads of some columns and rows; files without such rows stay shut.

    `at` is the table as it was opened; by default it is opened now.
    Arrow opens the files itself: threads that come back to Python for that abort a process that is ending.
    """
    if at is None and not exists(settings, table):
        return InMemoryDataset(SCHEMAS[table].empty_table())
    at, place = at or present(settings, table), storage.warehouse(settings)
    with place.faults():
        return at.to_pyarrow_dataset(filesystem=place.file_system(table))


def count(table: str, settings: Settings, at: DeltaTable | None = None) -> int:
    """Return how many rows a published table has, from the files' footers.

    `at` is the table as it was opened; by default it is opened now.
    Files are named to Arrow without what the log tells of each, which would take longer than the footers.
    """
    if at is None and not exists(settings, table):
        return 0
    place, paths = storage.warehouse(settings), _paths(at or present(settings, table))
    with place.faults():
        files = FileSystemDataset.from_paths(
            paths, pa.schema([]), ParquetFileFormat(), place.file_system(table)
        )
        rows: int = files.count_rows()
        return rows


def orders_up_to(settings: Settings, as_of: date | None) -> tuple[int, int]:
    """Return how many orders there are up to a day, and their revenue in paise; none where it is None."""
    read = batches(settings, "orders", ["total_amount_paise"], up_to(as_of))
    counted = [(len(some), pc.sum(some["total_amount_paise"]).as_py() or 0) for some in read]
    return sum(orders for orders, _ in counted), sum(paise for _, paise in counted)


def rows_by_delivery(settings: Settings, table: str, filter_: pc.Expression | None = None) -> Counter[int]:
    """Return delivery_id → how many rows of a table, or of those that are chosen, are its."""
    found = Counter[int]()
    for some in batches(settings, table, ["delivery_id"], filter_):
        for each in pc.value_counts(some["delivery_id"]).to_pylist():
            found[each["values"]] += each["counts"]
    return found


def up_to(as_of: date | None) -> pc.Expression:
    """Choose the orders up to a day; none where it is None."""
    return pc.field("order_date") <= pa.scalar(as_of, pa.date32()) if as_of else pc.scalar(False)


def read(settings: Settings, name: str) -> pd.DataFrame:
    """Return a published table with all its columns."""
    return select(settings, name).to_pandas(date_as_object=False)


def latest_order_date(settings: Settings) -> date | None:
    """Return the latest published order date, or None where no order was published."""
    latest: date | None = pc.max(select(settings, "orders", ["order_date"])["order_date"]).as_py()
    return latest


def deliveries(
    settings: Settings | None = None, tables: Mapping[str, DeltaTable] | None = None
) -> pd.DataFrame:
    """Return the deliveries that the warehouse holds: delivery_id, sha256, position, name, and when.

    None where one of the tables is missing or of another version of akasa: then the others are not to be
    relied on either. `tables` are as they were `opened`; by default they are opened now.
    """
    settings = settings or load()
    tables = opened(settings) if tables is None else tables
    if all(_is_current(tables, name) for name in SCHEMAS):
        return select(settings, "deliveries", at=tables["deliveries"]).to_pandas()
    return SCHEMAS["deliveries"].empty_table().to_pandas()


def marks(deliveries: pd.DataFrame) -> set[Any]:
    """Return what tells one publishing of a delivery from another: of the ledger, or the warehouse's copy."""
    columns = ["delivery_id", "sha256", "position", "published_at", "backfilled_at"]
    return set(deliveries[columns].itertuples(index=False, name="Mark"))


def months(settings: Settings) -> set[str]:
    """Return the months (`2025-10`) in which orders or their items stand, as their partitions tell."""
    held = [name for name in ("orders", "order_items") if exists(settings, name)]
    return {part["order_month"] for name in held for part in present(settings, name).partitions()}


def files(table: str, settings: Settings | None = None) -> list[str]:
    """Return the Parquet files that make up the table's present version: paths, or `s3://` addresses."""
    settings = settings or load()
    if not exists(settings, table):
        return []
    place = storage.warehouse(settings)
    return [place.address(table, path) for path in _paths(present(settings, table))]


def _paths(table: DeltaTable) -> list[str]:
    """Return the files of a table's version, below its folder. (As URIs they would be percent-encoded.)

    Raises DeltaProtocolError where another program has made a table of it whose files alone do not tell its
    rows.
    """
    features = _NOT_BY_FILES.intersection(table.protocol().reader_features or ())
    if features:
        raise DeltaProtocolError(f"its files do not tell its rows: it has {', '.join(sorted(features))}")
    return sorted(pa.table(table.get_add_actions(flatten=True))["path"].to_pylist())


def select(
    settings: Settings,
    name: str,
    columns: Sequence[str] | None = None,
    filter_: pc.Expression | None = None,
    at: DeltaTable | None = None,
) -> pa.Table:
    columns = list(columns or SCHEMAS[name].names)
    with storage.warehouse(settings).faults():
        found = dataset(name, settings, at).to_table(columns=columns, filter=filter_)
    return found.cast(pa.schema([SCHEMAS[name].field(column) for column in columns]))


def batches(
    settings: Settings, name: str, columns: Sequence[str], filter_: pc.Expression | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield some columns of a published table, some rows at a time: they may be more than memory holds."""
    with storage.warehouse(settings).faults():
        yield from dataset(name, settings).to_batches(columns=[*columns], filter=filter_)


def exists(settings: Settings, table: str) -> bool:
    place = storage.warehouse(settings)
    with place.faults():
        return bool(DeltaTable.is_deltatable(place.uri(table), place.options))


def _is_current(tables: Mapping[str, DeltaTable], name: str) -> bool:
    """Say whether an opened table has the columns of this version of akasa."""
    if name not in tables:
        return False
    return [field.name for field in tables[name].schema().fields] == list(SCHEMAS[name].names)


def uri(settings: Settings, table: str) -> str:
    """Return what deltalake calls a table's place."""
    return storage.warehouse(settings).uri(table)
