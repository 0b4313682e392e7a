"""Files that workers write for each other: whole, or not there."""

import pyarrow as pa
import pytest
from pyarrow.fs import LocalFileSystem

from akasa.workspace.shelves import Shelf


def test_what_is_half_written_is_found_by_nobody(tmp_path):
    shelf = Shelf(LocalFileSystem(), tmp_path.as_posix())
    table = pa.table({"n": [1]})

    def cut_off():
        yield table
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shelf.write("judged.arrow", table.schema, cut_off())
    assert [one.suffix for one in tmp_path.iterdir()] == [".part"]
    shelf.write("judged.arrow", table.schema, [table])
    assert shelf.read("judged.arrow").equals(table)
