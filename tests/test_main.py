"""The commands other than report, which tests/test_pipeline.py runs for real."""

import re

import pytest
from click.testing import CliRunner

from akasa.__main__ import main


def call(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_help_lists_every_command_and_the_exit_statuses():
    shown = call("--help").output
    for command in ("report", "generate", "notebooks", "status", "diff"):
        assert re.search(rf"^  {command}\s+\S", shown, re.M)
    assert "2 wrong usage" in shown


def test_report_help_names_every_notebook_option():
    shown = call("report", "--help").output
    for option in ("engine", "as-of", "window-days", "top-n", "on-refused", "max-reject-ratio"):
        assert f"--{option}" in shown


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--from", "06_more"),
            "there is no step '06_more'; there are: 01_ingest, 02_validate, 03_kpis_sql, ",
        ),
        (("--only", "05"), "04_kpis_memory, 05_report"),
        (("--force", "--only", "05_report"), "give one of --force, --from and --only"),
    ],
)
def test_a_choice_of_steps_that_cannot_be_is_wrong_usage(workspace, options, said):
    result = call("report", *options)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_generate_writes_both_files(tmp_path):
    result = call("generate", "--orders", 5, "--customers", 3, "--seed", 2, "--dirty", 0, tmp_path / "new")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "new/customers.csv").read_bytes().count(b"\r\n") == 1 + 3
    assert (tmp_path / "new/orders.xml").read_text("utf-8").count("<order>") >= 5


@pytest.mark.parametrize("option", [("--orders", "-1"), ("--dirty", "2"), ("--seed", "x")])
def test_generate_refuses_wrong_sizes(tmp_path, option):
    assert call("generate", *option, tmp_path / "new").exit_code == 2
    assert not (tmp_path / "new").exists()


def test_status_lists_what_waits(workspace, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(workspace.data_dir))
    workspace.data_dir.mkdir(parents=True, exist_ok=True)
    (workspace.data_dir / "orders.xml").write_text("<orders/>")
    result = call("status")
    assert result.exit_code == 0
    assert "published: 0 deliveries" in result.output
    assert "waiting: orders.xml" in result.output


def test_a_bad_setting_is_wrong_usage_and_named(monkeypatch):
    monkeypatch.setenv("SOURCE_TIMEZONE", "Mars/Olympus")
    result = call("status")
    assert result.exit_code == 2
    assert "SOURCE_TIMEZONE" in result.output
    assert "Asia/Kolkata" in result.output
