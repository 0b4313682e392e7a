"""What stands in proof.json, against a proof made by hand."""

import json

import pandas as pd
import pytest

from akasa.kpis.reconcile import Proof
from akasa.kpis.results import Parameters
from akasa.report import proof_file

COLUMNS = ["check", "left", "left_value", "right", "right_value", "ties"]
TOTALS = [
    ("revenue in paise", "orders in the database", 9_876_543_210, "months (sql)", 9_876_543_211, False),
    ("rows from incoming/c_9876543210.csv", "database", 7, "warehouse", 7, True),
]


def proof(rows):
    differences = pd.DataFrame({"kpi": ["monthly_trends"]})
    results = {"sql": {}, "dask": {}}
    return Proof(results, Parameters(None, 30, 10), differences, pd.DataFrame(rows, columns=COLUMNS))


def expected(delivery):
    return {
        "engines": ["sql", "dask"],
        "differences": 1,
        "totals": [
            {
                "name": "revenue in paise",
                "values": {"orders in the database": 9_876_543_210, "months (sql)": 9_876_543_211},
                "ties": False,
            },
            {"name": f"rows from {delivery}", "values": {"database": 7, "warehouse": 7}, "ties": True},
        ],
    }


def test_engines_differences_and_totals_with_both_their_sides(workspace):
    proof_file.write(workspace, proof(TOTALS))
    found = json.loads((workspace.output_dir / "proof.json").read_text("utf-8"))
    assert found == proof_file.read(workspace.output_dir) == expected("incoming/c_9876543210.csv")


@pytest.mark.parametrize("value", [9_876_543_210, "9,876,543,210"])
def test_a_number_in_a_name_is_masked_and_a_total_is_none(workspace, monkeypatch, value):
    """A total that was written in groups of digits, lest it be masked, is a number again."""
    monkeypatch.setenv("MASK_PII", "1")
    first, second = TOTALS
    proof_file.write(workspace, proof([(*first[:2], value, *first[3:]), second]))
    assert proof_file.read(workspace.output_dir) == expected("incoming/c_98xxxxxx10.csv")


def test_of_nothing_there_is_nothing_to_tie(workspace):
    proof_file.write(workspace, proof([]))
    assert proof_file.read(workspace.output_dir)["totals"] == []
