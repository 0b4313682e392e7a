import csv

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akasa.validate import quarantine

TEXT = (
    st.none()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(
        [
            "=1+1",
            "'=x",
            "''+",
            "+91 98",
            "-5",
            "@a",
            "\t1",
            "\r",
            "\n=2",
            "＝1",
            "'",
            '"',
            ",",
            "",
            " ",
            "a\r\nb",
            "\0",
        ]
    )
)


def rejected(*rows):
    columns = ["record", "reasons", "detail", "customer_id", "raw"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[1:], "str"))


def test_file_names_tell_the_delivery_and_its_bytes(tmp_path):
    file = quarantine.path(tmp_path, "incoming/orders_20251012.xml", "0123456789abcdef" * 4)
    assert file == tmp_path / "orders_20251012.xml.0123456789ab.csv"


@pytest.mark.parametrize("name", ["a" * 251 + ".xml", "é" * 125 + ".csv", "ж" * 119 + ".csv"])
def test_files_of_long_names_fit_into_a_folder(tmp_path, name):
    sha256 = "0123456789abcdef" * 4
    file = quarantine.path(tmp_path, f"incoming/{name}", sha256)
    quarantine.write(file, [rejected()])
    assert quarantine.files(tmp_path, sha256) == [file]
    kept = file.name.removesuffix(".0123456789ab.csv")
    assert (name.startswith(kept), 254 <= len(file.name.encode()) <= 255) == (True, True)


def test_absent_is_empty_blank_is_quoted_and_formulas_are_tamed(tmp_path):
    file = tmp_path / "rejects" / "a.csv"
    quarantine.write(file, [rejected((7, "missing_customer_id", None, "", '=cmd|"x"\nb'))])
    assert file.read_text("utf-8") == (
        'record,reasons,detail,customer_id,raw\n"7","missing_customer_id",,"","\'=cmd|""x""\nb"\n'
    )
    assert [path.name for path in file.parent.iterdir()] == ["a.csv"]


@given(st.lists(st.tuples(st.integers(1, 10**6), TEXT, TEXT, TEXT, TEXT), max_size=5))
def test_what_is_written_is_read_back(tmp_path_factory, rows):
    file = tmp_path_factory.mktemp("rejects") / "a.csv"
    quarantine.write(file, [rejected(*rows[:2]), rejected(*rows[2:])])
    back = quarantine.read(file)
    assert back.to_numpy().tolist() == [[str(n), *(text or "" for text in texts)] for n, *texts in rows]
    with file.open(encoding="utf-8", newline="") as stream:
        cells = [cell for row in csv.reader(stream, strict=True) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))]


def test_some_columns_and_some_records_are_read_alone(tmp_path):
    file = tmp_path / "a.csv"
    quarantine.write(file, [rejected(*((n, "future_order", None, f"C-{n}", "") for n in (1, 2, 3)))])
    found = quarantine.read(file, only=["customer_id", "record"], first=2)
    assert (list(found), found.to_numpy().tolist()) == (
        ["record", "customer_id"],
        [["1", "C-1"], ["2", "C-2"]],
    )


def test_reasons_are_counted_once_for_each_record_in_the_order_of_the_rules(tmp_path):
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    quarantine.write(one, [rejected((1, "invalid_mobile_number future_order", None, "", None))])
    quarantine.write(
        two, [rejected((1, "missing_sku_id future_order", None, "", None), (2, "future_order", *"abc"))]
    )
    found = quarantine.by_reason(quarantine.reasons([one, two, tmp_path / "absent.csv"]))
    assert found[["reason", "records"]].to_numpy().tolist() == [
        ["missing_sku_id", 1],
        ["invalid_mobile_number", 1],
        ["future_order", 3],
    ]
    assert found["meaning"][2] == "later than the day after the delivery's date"
    assert list(quarantine.by_reason([])) == ["reason", "records", "meaning"]


def test_a_damaged_file_is_named_with_the_way_out(tmp_path):
    (tmp_path / "lost.csv").touch()
    with pytest.raises(ValueError, match=r"lost\.csv is empty, and so damaged: remove it, and the next run"):
        quarantine.read(tmp_path / "lost.csv")
