"""Columns of text as CSV: each text as it goes by itself, in whatever rows it stands."""

import csv
from io import StringIO

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from akasa.workspace import spreadsheet

TEXTS = st.text(st.sampled_from("'=+-@\t\r\n＝＋－＠\",;ab é\0😀"), max_size=5)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4))
def test_columns_are_written_and_read_as_each_text_is(rows):
    columns = [pa.array([row[place] for row in rows], pa.string()) for place in (0, 1)]
    lines = [",".join(map(spreadsheet.field, row)) + "\n" for row in [("=a", "b"), *rows]]
    written = spreadsheet.csv(["=a", "b"], columns)
    assert written == "".join(lines)
    _, *back = csv.reader(StringIO(written, newline=""), strict=True)
    for place, column in enumerate(columns):
        texts = pa.array([row[place] for row in back], pa.string())
        assert spreadsheet.restored(texts) == column
        assert spreadsheet.restored(column).to_pylist() == [*map(spreadsheet.restore, column.to_pylist())]
