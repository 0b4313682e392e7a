"""`python -m akasa rejects`: what it lists, writes and refuses."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from lib.drops import TODAY, customers, deliver, orders, run

from akasa.__main__ import main
from akasa.ingest import staging
from akasa.publish import road
from akasa.run import reject_list
from akasa.stores import database
from akasa.validate import judging
from akasa.workspace.settings import Settings

BAD = ("O-1", "9876543210", "2025-11-11 10:00", "S-1", 0, "10.00")
D12 = "incoming/orders_2025-11-12.xml"


def rejects(*options: object) -> Result:
    return CliRunner().invoke(main, ["rejects", *map(str, options)], catch_exceptions=False)


@pytest.fixture
def spoilt(migrated: Settings) -> Settings:
    """A customer with a short number; an order of two lines, one of which has two reasons.

    Judged as 02_validate does before the gate: to publish takes longer than all the rest.
    """
    bare = ("", "9876543210", "2025-11-11 10:00", "S-2", "x", "10.00")
    deliver(migrated, ("customers.csv", customers(("C-1", "987654321", "North"))))
    deliver(migrated, (D12, orders(BAD, bare)))
    return judged(migrated)


def judged(cfg: Settings) -> Settings:
    staging.stage_all(cfg)
    judging.write_quarantine(cfg, judging.judge(cfg, road.plan(cfg, TODAY)))
    return cfg


def test_without_anything_rejected_it_says_so(workspace: Settings) -> None:
    found = rejects()
    assert (found.exit_code, found.stdout) == (0, "no rejected record\n")
    found = rejects("--format", "json")
    assert (found.exit_code, found.stdout) == (0, "[]\n")
    assert list(workspace.data_dir.iterdir()) == [workspace.incoming]


@pytest.mark.usefixtures("spoilt")
def test_the_table_shows_where_each_record_stands_and_as_what_it_came() -> None:
    found = rejects("--delivery", "orders_2025-11-12.xml")
    assert found.exit_code == 0
    assert found.stdout.splitlines() == [
        "delivery                        record  line  id   open  reasons",
        "incoming/orders_2025-11-12.xml  1       1     O-1  yes   invalid_sku_count",
        "    order_id O-1 · mobile_number 9876543210 · order_date_time 2025-11-11 10:00 · sku_id S-1 "
        "· sku_count 0 · total_amount 10.00",
        "incoming/orders_2025-11-12.xml  2       1          yes   missing_order_id invalid_sku_count",
        "    order_id (blank) · mobile_number 9876543210 · order_date_time 2025-11-11 10:00 · sku_id S-2 "
        "· sku_count x · total_amount 10.00",
        "",
        "2 rejected records of incoming/orders_2025-11-12.xml, 2 open",
    ]


@pytest.mark.usefixtures("spoilt")
@pytest.mark.parametrize("reason", ["missing_order_id", "invalid_sku_count"])
def test_a_record_of_two_reasons_is_listed_for_either(reason: str) -> None:
    found = json.loads(rejects("--reason", reason, "--format", "json").stdout)
    assert [one["record"] for one in found] == ([2] if reason == "missing_order_id" else [1, 2])
    assert found[-1] == {
        "kind": "orders",
        "delivery": D12,
        "record": 2,
        "line": 1,
        "id": "",
        "reasons": ["missing_order_id", "invalid_sku_count"],
        "open": True,
        "detail": "",
        "raw": "order_id (blank) · mobile_number 9876543210 · order_date_time 2025-11-11 10:00 · "
        "sku_id S-2 · sku_count x · total_amount 10.00",
    }


@pytest.mark.usefixtures("spoilt")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--reason", "missing_sku"], "there is no reason 'missing_sku'; did you mean missing_sku_id or "),
        (["--reason", "zzz"], "there is no reason 'zzz'; docs/rules.md has all"),
        (["--delivery", "orders_2025-11-21.xml"], f"did you mean {D12}?"),
        (["--delivery", "zzz"], "`python -m akasa status` lists them"),
        (["--export", "repair.txt"], "repair.txt is to end in .xml, for orders, or in .csv, for customers"),
        (["--delivery", "customers.csv", "--export", "repair.xml"], "export them to a .csv file"),
    ],
)
def test_what_cannot_be_is_wrong_usage_with_a_way_out(options: list[str], said: str) -> None:
    found = rejects(*options)
    assert found.exit_code == 2
    assert said in found.stderr.replace("\n", " ")
    assert not Path("repair.xml").exists()


def test_open_lists_what_nothing_has_mended_yet(spoilt: Settings) -> None:
    deliver(spoilt, ("incoming/orders_2025-11-13.xml", orders((*BAD[:4], 1, "10.00"))))
    run(spoilt)
    assert [one["open"] for one in json.loads(rejects("--format", "json").stdout)] == [True, False, True]
    assert [one["record"] for one in json.loads(rejects("--format", "json", "--open").stdout)] == [1, 2]
    assert rejects("--open", "--delivery", D12).stdout.endswith(f"1 rejected record of {D12}, 1 open\n")


def test_a_long_list_is_bounded_for_people_and_whole_for_programs(
    migrated: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reject_list, "MOST_SHOWN", 2)
    lines = [(f"O-{n}", *BAD[1:]) for n in range(5)]
    deliver(migrated, ("orders.xml", orders(*lines[:3])), (D12, orders(*lines[3:])))
    judged(migrated)
    shown = rejects().stdout.splitlines()
    assert len(shown) == 1 + 2 * 2 + 2
    assert shown[-1] == "5 rejected records, 5 open; the first 2 are shown, --format csv or json has all"
    assert len(rejects("--format", "csv").stdout.splitlines()) == 1 + 5
    assert len(json.loads(rejects("--format", "json").stdout)) == 5


@pytest.mark.usefixtures("spoilt")
@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_numbers_are_masked_where_that_is_asked_for_but_not_in_an_export(
    form: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MASK_PII", "1")
    found = rejects("--format", form)
    assert "98xxxxxx10" in found.stdout
    assert "98xxxxx21" in found.stdout
    assert "9876543" not in found.stdout
    assert rejects("--export", tmp_path / "repair.xml").exit_code == 0
    assert "<mobile_number>9876543210<" in (tmp_path / "repair.xml").read_text()
    assert (tmp_path / "repair.xml").stat().st_mode & 0o077 == 0


def test_a_csv_is_safe_for_a_spreadsheet(migrated: Settings) -> None:
    deliver(migrated, ("orders.xml", orders(("=1+1", *BAD[1:]))))
    judged(migrated)
    assert rejects("--format", "csv").stdout.splitlines()[1].startswith("orders,orders.xml,1,1,'=1+1,")


def test_an_export_writes_over_nothing_unless_told_to_and_not_where_it_would_be_delivered(
    spoilt: Settings, tmp_path: Path
) -> None:
    to = tmp_path / "repair.xml"
    to.write_text("mine")
    assert rejects("--export", to).exit_code == 2
    assert to.read_text() == "mine"
    assert rejects("--export", tmp_path, "--force").exit_code == 2
    found = rejects("--export", to, "--force")
    assert found.exit_code == 0
    assert found.stdout.startswith(f"wrote 2 rejected records to {to}\n")
    into = rejects("--export", spoilt.incoming / "repair.xml")
    assert into.exit_code == 2
    assert "before it is mended" in into.stderr
    assert [path.name for path in spoilt.incoming.iterdir()] == ["orders_2025-11-12.xml"]
    for options in ([], ["--force"]):
        assert rejects("--export", spoilt.orders_xml, *options).exit_code == 2
        assert not spoilt.orders_xml.exists()


@pytest.mark.usefixtures("spoilt")
def test_an_export_of_nothing_writes_nothing_and_says_so(tmp_path: Path) -> None:
    found = rejects("--reason", "future_order", "--export", tmp_path / "repair.xml")
    assert (found.exit_code, found.stdout) == (
        0,
        "no open rejected record for future_order: nothing was written\n",
    )
    assert not (tmp_path / "repair.xml").exists()


def test_a_failure_while_writing_leaves_no_half_file(
    spoilt: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from akasa.report import repair

    monkeypatch.setattr(repair, "escape", lambda text, more: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        rejects("--export", tmp_path / "repair.xml")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_a_database_of_an_earlier_version_is_told(spoilt: Settings) -> None:
    from akasa.stores import database

    with database.transaction(spoilt) as opened:
        opened.exec_driver_sql("update alembic_version set version_num = '0001'")
    found = rejects()
    assert found.exit_code == 1
    assert "run `python -m akasa migrate` first" in found.stderr


def test_a_database_of_an_earlier_version_is_said_to_be_one(spoilt: Settings) -> None:
    with database.engine(spoilt).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0006'")
    found = rejects()
    assert found.exit_code == 1
    assert "the database is of an earlier version: run `python -m akasa migrate` first" in found.stderr
