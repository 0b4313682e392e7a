"""What differs between two runs, against values worked out by hand."""

import json

import pytest
from click.testing import CliRunner
from lib import kept
from lib.drops import customers, deliver, orders
from lib.drops import run as publish

from akasa.__main__ import main
from akasa.run import diff, history
from akasa.workspace import promotion

MARCH = {
    "monthly_trends": [(2025, 2, 6, 5792000), (2025, 3, 1, 1)],
    "top_spenders": [("C1", "Asha", "9000000001", "North", 1, 100, 100, "2025-03-01")],
    "regional_revenue": [("North", 1, 1, 123456789012345678, 5)],
}
APRIL = {
    "monthly_trends": [(2025, 2, 6, 5792050), (2025, 4, 2, 250)],
    "top_spenders": [("C1", "Asha", "9000000001", "North", 1, 100, 100, "2025-04-30")],
    "regional_revenue": [("North", 1, 1, 123456789012345679, 5)],
}
BY_HAND = [
    ("monthly_trends", "2025 2", "total_revenue", "57920.00", "57920.50"),
    ("monthly_trends", "2025 3", "order_count", "1", None),
    ("monthly_trends", "2025 3", "total_revenue", "0.01", None),
    ("monthly_trends", "2025 4", "order_count", None, "2"),
    ("monthly_trends", "2025 4", "total_revenue", None, "2.50"),
    ("regional_revenue", "North", "total_revenue", "1234567890123456.78", "1234567890123456.79"),
    ("top_spenders", "C1", "last_order_date", "2025-03-01", "2025-04-30"),
]


def asked(*arguments):
    return CliRunner().invoke(main, ["diff", *arguments])


def told(*arguments):
    result = asked(*arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output, parse_float=lambda text: pytest.fail(f"{text} is a float"))


@pytest.fixture
def two(workspace):
    """Two kept runs: March's and April's, the latter in place."""
    return kept.run(workspace, 1, MARCH), kept.run(workspace, 2, APRIL, {"top_n": 3})


def test_every_value_that_differs_is_told_with_both_as_the_files_have_them(two):
    found = told()
    assert found["runs"] == list(two)
    assert [tuple(row.values()) for row in found["kpis"]] == BY_HAND
    assert found["parameters"] == [{"name": "top_n", "value": 10, "other_value": 3}]
    assert (found["settings"], found["versions"], found["deliveries"]) == ([], [], [])


def test_a_person_reads_a_line_a_value_and_one_for_a_row_that_is_new_or_gone(two):
    lines = [" ".join(line.split()) for line in asked(two[0]).output.splitlines()]
    assert lines[0] == " → ".join(two)
    assert lines[2:4] == ["parameters", "top_n 10 → 3"]
    assert lines[5:] == [
        "KPIs",
        "monthly_trends 2025 2 total_revenue 57920.00 → 57920.50",
        "monthly_trends 2025 3 (gone) 1, 0.01",
        "monthly_trends 2025 4 (new) 2, 2.50",
        "regional_revenue North total_revenue 1234567890123456.78 → 1234567890123456.79",
        "top_spenders C1 last_order_date 2025-03-01 → 2025-04-30",
    ]


def test_a_long_list_is_cut_for_a_person_and_not_for_a_program(workspace):
    kept.run(workspace, 1)
    kept.run(workspace, 2, {"monthly_trends": [(year, 1, 1, 100) for year in range(1900, 1960)]})
    assert "… and 10 more; --format json has all" in asked().output
    assert len(told()["kpis"]) == 2 * 60


def test_the_same_is_told_and_the_exit_status_says_so_where_it_is_asked_for(two):
    same = asked("latest", two[1], "--exit-code")
    assert (same.exit_code, "the KPIs are the same in every value" in same.output) == (0, True)
    assert asked("--exit-code").exit_code == 1
    assert asked().exit_code == 0


def test_runs_are_named_in_full_by_their_beginning_or_by_their_place(workspace):
    first, second, third = (kept.run(workspace, day) for day in (1, 2, 3))
    assert told()["runs"] == [second, third]
    assert told(first)["runs"] == [first, third]
    assert told(first[:9], second[:-1])["runs"] == [first, second]
    assert told("latest", "previous")["runs"] == [third, second]


def test_a_run_that_is_not_kept_is_compared_while_it_is_in_place(workspace):
    kept.run(workspace, 1, MARCH)
    none = workspace.model_copy(update={"keep_runs": 0})
    assert diff.runs(workspace)[-1].folder.parent.name == history.FOLDER
    second = kept.run(none, 2, APRIL)
    assert [(run.name, run.folder) for run in diff.runs(workspace)] == [(second, workspace.output_dir)]


def test_an_unknown_run_is_told_in_one_sentence_with_those_that_there_are(workspace):
    nothing = asked()
    assert (nothing.exit_code, "no run is kept: `make report` makes one" in nothing.output) == (2, True)
    names = [kept.run(workspace, day) for day in (1, 2)]
    for given, said in {
        "nope": "there is no run 'nope'; there are: ",
        "2025": "'2025' is the beginning of several: ",
        "": "there is no run ''; there are: ",
    }.items():
        unknown = asked(given)
        assert unknown.exit_code == 2
        assert unknown.output.splitlines()[-1] == f"Error: {said}{', '.join(names)}"


def test_the_only_run_has_no_previous_one(workspace):
    name = kept.run(workspace, 1)
    assert asked().output.splitlines()[-1] == f"Error: there is no run 'previous'; there are: {name}"


def test_a_file_that_its_run_did_not_write_is_not_compared(two, workspace):
    file = workspace.output_dir / history.FOLDER / two[0] / "sql_monthly_trends.json"
    file.write_text(file.read_text().replace("57920.00", "57920.50"))
    changed = asked()
    assert (
        changed.exit_code,
        f"sql_monthly_trends.json is not what run {two[0]} wrote" in changed.output,
    ) == (*(1, True),)


def test_deliveries_that_are_new_gone_or_counted_otherwise_are_told(migrated):
    deliver(migrated, ("customers.csv", customers(("C1", "9000000001", "North"), ("C2", "12", "South"))))
    publish(migrated)
    kept.run(migrated, 1)
    deliver(migrated, ("incoming/orders_2025-11-12.xml", ORDERS))
    publish(migrated)
    kept.run(migrated, 2)
    (new,) = told()["deliveries"]
    assert (new["kind"], new["name"], new["change"]) == ("orders", "incoming/orders_2025-11-12.xml", "new")
    assert new["value"] is None
    assert [new["other_value"][name] for name in ("records", "accepted", "rejected", "repeats")] == [
        1,
        1,
        0,
        0,
    ]
    assert "new  incoming/orders_2025-11-12.xml  1 records, 1 accepted, 0 rejected" in asked().output
    (gone,) = told("latest", "previous")["deliveries"]
    assert (gone["change"], gone["value"]) == ("gone", new["other_value"])
    deliver(migrated, ("incoming/orders_2025-11-13.xml", ORDERS))
    publish(migrated)
    kept.run(migrated, 3)
    (moved,) = told()["deliveries"]
    assert moved["change"] == "changed"
    names = [moved[side]["name"] for side in ("value", "other_value")]
    assert names == [f"incoming/orders_2025-11-1{day}.xml" for day in (2, 3)]


ORDERS = orders(("O1", "9000000001", "2025-11-11 10:00", "S", 1, "10.00"))


def test_numbers_are_masked_in_both_where_one_run_masked_them_or_it_is_asked_for(workspace, monkeypatch):
    kept.run(workspace.model_copy(update={"mask_pii": True}), 1, MARCH)
    kept.run(workspace, 2, MARCH)
    found = told()
    assert found["kpis"] == []
    assert found["settings"] == [{"name": "MASK_PII", "value": True, "other_value": False}]
    named = {"orders_xml_path": workspace.data_dir / "9876543210.xml"}
    kept.run(workspace.model_copy(update=named), 3, {})
    assert all(number in asked().output for number in ("9000000001", "9876543210"))
    monkeypatch.setenv("MASK_PII", "1")
    assert "90xxxxxx01" in asked().output
    assert not any(number in asked().output for number in ("9000000001", "9876543210"))


def test_a_run_of_a_version_that_told_less_is_compared_by_what_it_told(two, workspace):
    file = workspace.output_dir / history.FOLDER / two[0] / promotion.MANIFEST
    said = json.loads(file.read_text())
    less = ("run", "akasa", "started", "ended", "parameters", "engines", "files")
    file.write_text(json.dumps({name: said[name] for name in less}))
    found = told()
    assert [tuple(row.values()) for row in found["kpis"]] == BY_HAND
    assert [found[name] for name in ("parameters", "settings", "versions", "deliveries")] == [[]] * 4


def test_another_version_is_told(two, workspace):
    file = workspace.output_dir / history.FOLDER / two[0] / promotion.MANIFEST
    said = json.loads(file.read_text())
    said["versions"]["packages"]["pandas"] = "0.1"
    said["versions"]["git"] = None
    file.write_text(json.dumps(said))
    assert {"name": "pandas", "value": "0.1"}.items() <= told()["versions"][-1].items()


def test_a_kpi_that_one_run_did_not_have_has_all_its_rows_on_one_side(two, workspace):
    file = workspace.output_dir / history.FOLDER / two[0] / promotion.MANIFEST
    said = json.loads(file.read_text())
    del said["files"]["sql_top_spenders.json"]
    file.write_text(json.dumps(said))
    of_kpi = [row for row in told()["kpis"] if row["kpi"] == "top_spenders"]
    assert [(row["value"], row["other_value"]) for row in of_kpi][:2] == [
        (None, "Asha"),
        (None, "9000000001"),
    ]
