"""How much of the disk a warehouse takes, how much of that its present rows, and what files keep once."""

import pyarrow.parquet as pq
from deltalake import DeltaTable

from akasa.stores import warehouse


def taken(settings):
    """Return the bytes of the files of the present version, and those of all files that lie there."""
    live = sum(_live(settings, name) for name in warehouse.SCHEMAS)
    everything = sum(file.stat().st_size for file in settings.warehouse.rglob("*") if file.is_file())
    return live, everything


def columns_with_a_dictionary(file):
    """Return the columns of a Parquet file of one row group that keep their values in a dictionary."""
    group = pq.read_metadata(file).row_group(0)
    chunks = [group.column(number) for number in range(group.num_columns)]
    return {chunk.path_in_schema for chunk in chunks if chunk.has_dictionary_page}


def _live(settings, name):
    table = DeltaTable(warehouse.uri(settings, name))
    return sum(table.get_add_actions(flatten=True)["size_bytes"].to_pylist())
