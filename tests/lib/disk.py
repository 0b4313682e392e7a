"""How much of the disk a warehouse takes, and how much of that its present rows."""

from deltalake import DeltaTable

from akasa.stores import warehouse


def taken(settings):
    """Return the bytes of the files of the present version, and those of all files that lie there."""
    live = sum(_live(settings, name) for name in warehouse.SCHEMAS)
    everything = sum(file.stat().st_size for file in settings.warehouse.rglob("*") if file.is_file())
    return live, everything


def _live(settings, name):
    table = DeltaTable(warehouse.uri(settings, name))
    return sum(table.get_add_actions(flatten=True)["size_bytes"].to_pylist())
