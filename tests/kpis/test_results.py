import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akasa.kpis import reconcile, results
from akasa.kpis.definitions import DEFINITIONS, DTYPES
from akasa.workspace import files
from akasa.workspace.settings import Settings

WRITERS = {
    "json": (results.write_json, results.read_json),
    "csv": (results.write_csv, results.read_csv),
}
NAMES = [
    "=1+1",
    "'=x",
    "a,b",
    '"q"',
    "line\nbreak",
    "carriage\rreturn",
    "é",
    "😀",
    "",
    "'",
    "\u2028",
    "\0",
    "Asha",
]
AMOUNTS = [0, 1, 99, 100, 101, 10**15, 5, 12345, 999999999, 7, 70, 700, 7000]

both = pytest.mark.parametrize(("write", "read"), WRITERS.values(), ids=WRITERS.keys())


def kpi(name: str, rows: list[tuple[object, ...]]) -> pd.DataFrame:
    columns = DEFINITIONS[name].columns
    return pd.DataFrame(rows, columns=list(columns)).astype({c: DTYPES[k] for c, k in columns.items()})


def spenders() -> pd.DataFrame:
    return kpi(
        "top_spenders",
        [
            ("CUST-001", 'Asha "A" Rao', "9123456781", "North", 2, 893000, 446500, "2025-10-12"),
            ("007", "=é,x", "9000000000", "West", 1, 5, 5, "2024-02-29"),
        ],
    )


def test_json_has_one_record_a_line(tmp_path: Path) -> None:
    results.write_json(tmp_path / "x.json", "top_spenders", spenders())
    assert (tmp_path / "x.json").read_bytes().decode() == (
        "[\n"
        '{"customer_id": "CUST-001", "customer_name": "Asha \\"A\\" Rao", "mobile_number": "9123456781", '
        '"region": "North", "order_count": 2, "total_spent": 8930.00, "avg_order_value": 4465.00, '
        '"last_order_date": "2025-10-12"},\n'
        '{"customer_id": "007", "customer_name": "=é,x", "mobile_number": "9000000000", '
        '"region": "West", "order_count": 1, "total_spent": 0.05, "avg_order_value": 0.05, '
        '"last_order_date": "2024-02-29"}\n'
        "]\n"
    )


def test_csv_is_neutralised_and_quoted_where_needed(tmp_path: Path) -> None:
    results.write_csv(tmp_path / "x.csv", "top_spenders", spenders())
    assert (tmp_path / "x.csv").read_bytes().decode() == (
        "customer_id,customer_name,mobile_number,region,order_count,total_spent,avg_order_value,last_order_date\n"
        'CUST-001,"Asha ""A"" Rao",9123456781,North,2,8930.00,4465.00,2025-10-12\n'
        '007,"\'=é,x",9000000000,West,1,0.05,0.05,2024-02-29\n'
    )


def test_no_rows(tmp_path: Path) -> None:
    empty = kpi("monthly_trends", [])
    results.write_json(tmp_path / "x.json", "monthly_trends", empty)
    results.write_csv(tmp_path / "x.csv", "monthly_trends", empty)
    assert (tmp_path / "x.json").read_text() == "[]\n"
    assert (tmp_path / "x.csv").read_text() == "year,month,order_count,total_revenue\n"
    pd.testing.assert_frame_equal(results.read_json(tmp_path / "x.json", "monthly_trends"), empty)
    pd.testing.assert_frame_equal(results.read_csv(tmp_path / "x.csv", "monthly_trends"), empty)


@both
def test_what_was_written_is_read_in_its_order(write, read, tmp_path: Path) -> None:
    rows = [
        (f"id {place}", name, "9123456781", name, place, amount, amount, f"20{place + 10}-01-31")
        for place, (name, amount) in enumerate(zip(NAMES, AMOUNTS, strict=True))
    ]
    frame = kpi("top_spenders", rows)
    write(tmp_path / "deep" / "folder" / "x", "top_spenders", frame)
    pd.testing.assert_frame_equal(read(tmp_path / "deep" / "folder" / "x", "top_spenders"), frame)


@both
@given(rows=st.lists(st.tuples(st.text(), st.integers(0, 2**62), st.dates()), max_size=4))
def test_any_text_amount_and_date_survive(write, read, rows) -> None:
    frame = kpi("top_spenders", [(t, t, t, t, 1, a, a, d.isoformat()) for t, a, d in rows])
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder, "x"), "top_spenders", frame)
        pd.testing.assert_frame_equal(read(Path(folder, "x"), "top_spenders"), frame)


def test_json_is_json_for_everyone_else(tmp_path: Path) -> None:
    results.write_json(tmp_path / "x.json", "top_spenders", spenders())
    records = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert [record["total_spent"] for record in records] == [8930.0, 0.05]
    assert list(records[0]) == list(DEFINITIONS["top_spenders"].columns)


@both
def test_columns_come_in_the_kpis_order(write, read, tmp_path: Path) -> None:
    frame = spenders()
    write(tmp_path / "x", "top_spenders", frame[frame.columns[::-1]].assign(more=1))
    pd.testing.assert_frame_equal(read(tmp_path / "x", "top_spenders"), frame)


@both
def test_money_in_floats_is_refused(write, read, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="total_spent is float64, not int64"):
        write(tmp_path / "x", "top_spenders", spenders().astype({"total_spent": "float64"}))
    assert list(tmp_path.iterdir()) == []


@both
def test_missing_text_is_refused(write, read, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="region has missing values"):
        write(
            tmp_path / "x", "top_spenders", spenders().assign(region=pd.Series([None, "West"], dtype="str"))
        )


def test_a_missing_file_says_what_writes_it(tmp_path: Path) -> None:
    with pytest.raises(results.NotComputed, match=r"sql_x.json is missing: run notebook 03_kpis_sql first"):
        results.read_json(tmp_path / "sql_x.json", "top_spenders")
    with pytest.raises(
        results.NotComputed, match=r'dask_x.csv is missing: run notebook 04_kpis_memory with engine = "dask"'
    ):
        results.read_csv(tmp_path / "dask_x.csv", "top_spenders")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("2025,10,1,8930.5", "record 2: total_revenue is '8930.5'"),
        ("2025,10,1,8930", "record 2: total_revenue is '8930'"),
        ("2025,10,1.0,8930.00", "record 2: order_count is '1.0'"),
        ("2025,10,,8930.00", "record 2: order_count is ''"),
        ("2025,10,1", "record 2 has 3 fields, not 4"),
    ],
)
def test_csv_of_another_form_is_refused(line: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"year,month,order_count,total_revenue\n2025,9,1,1.00\n{line}\n")
    with pytest.raises(ValueError, match=rf"x\.csv: {problem}"):
        results.read_csv(path, "monthly_trends")


def test_csv_with_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("month,year,order_count,total_revenue\n")
    with pytest.raises(ValueError, match=r"x\.csv: the first line is"):
        results.read_csv(path, "monthly_trends")


@pytest.mark.parametrize("value", ["null", "NaN", "8930", "8.93e3", "[1]", "true"])
def test_json_money_of_another_form_is_refused(value: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(f'[{{"year": 2025, "month": 9, "order_count": 1, "total_revenue": {value}}}]')
    with pytest.raises(ValueError, match="record 1: total_revenue is"):
        results.read_json(path, "monthly_trends")


def test_json_with_other_fields_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('[{"year": 2025, "month": 9}]')
    with pytest.raises(ValueError, match="record 1 has the fields"):
        results.read_json(path, "monthly_trends")


def stopped_halfway(path: Path) -> None:
    with files.atomic(path) as part:
        part.write_text("half of the n")
        raise RuntimeError("stop")


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="stop"):
        stopped_halfway(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_process_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("old")
    code = (
        "import os, sys; from pathlib import Path; from akasa.workspace.files import atomic\n"
        "with atomic(Path(sys.argv[1])) as part: part.write_text('half of the n'); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 9
    assert path.read_text() == "old"


def test_a_failed_kpi_leaves_the_old_kpi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    results.write_json(path, "top_spenders", spenders())
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError, match="disk"):
        results.write_json(path, "top_spenders", spenders()[:1])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_masked_files_are_compared_by_the_unmasked_ones_beside_them(workspace: Settings) -> None:
    """Two numbers that read alike when masked are two; and without masking, none is kept unmasked."""
    masked = workspace.model_copy(update={"mask_pii": True})
    one, other = (
        {
            **{name: kpi(name, []) for name in DEFINITIONS},
            "top_spenders": spenders().replace("9123456781", number),
        }
        for number in ("9123456781", "9123450081")
    )
    results.write_results(masked, {"sql": one, "pandas": other}, None)
    shown = {path.name: path.read_text("utf-8") for path in masked.output_dir.iterdir()}
    assert '"mobile_number": "91xxxxxx81"' in shown["sql_top_spenders.json"]
    assert ",91xxxxxx81," in shown["pandas_top_spenders.csv"]
    assert not [name for name, text in shown.items() if re.search("912345..81|9000000000", text)]
    found = results.read_results(masked, ("sql", "pandas"))
    assert reconcile.compare(found)[["column", "value", "other_value"]].values.tolist() == [
        ["mobile_number", "9123456781", "9123450081"]
    ]
    assert {path.stat().st_mode & 0o077 for path in [masked.exact, *masked.exact.iterdir()]} == {0}
    (masked.exact / "mine.txt").touch()
    results.write_results(workspace, {"sql": one, "pandas": other}, None)
    assert [path.name for path in masked.exact.iterdir()] == ["mine.txt"]
    with pytest.raises(FileNotFoundError, match="notebook 03_kpis_sql"):
        results.read_results(masked, ("sql",))
