"""`akasa settings`: every setting, its value, and where that comes from; no secret."""

import json

import pytest
from click.testing import CliRunner
from lib import aws

from akasa.__main__ import main
from akasa.workspace import secrets_manager


@pytest.fixture
def told(workspace, monkeypatch, tmp_path):
    """Give a function that calls the command, with settings from everywhere."""
    (tmp_path / ".env").write_text(
        "DB_PASSWORD=canary-of-file\nTODAY=2025-11-15\nDB_PASSWROD=canary\nAWS_X=1\n"
    )
    monkeypatch.setenv("AKASA_ENV_FILE", str(tmp_path / ".env"))
    monkeypatch.setenv("AWS_SECRET_NAME", "prod/akasa")
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://me:canary@127.0.0.1:8786")
    secrets_manager.forget()
    with aws.answering(aws.secret('{"db_password": "canary-of-aws", "DB_USER": "of-aws"}')) as (endpoint, _):
        aws.lead_to(monkeypatch, endpoint)
        yield lambda *options: CliRunner().invoke(main, ["settings", *options])
    secrets_manager.forget()


def test_value_and_origin_of_every_setting_are_told_to_programs(told, workspace):
    shown = json.loads(told("--json").stdout)
    assert "canary" not in str(shown)
    expected = {
        "DATA_DIR": (str(workspace.data_dir), "environment"),
        "ORDERS_XML_PATH": (str(workspace.data_dir / "orders.xml"), "derived from DATA_DIR"),
        "DB_PASSWORD": ("***", ".env"),
        "TODAY": ("2025-11-15", ".env"),
        "DB_USER": ("of-aws", "AWS secret"),
        "DB_PORT": (3306, "default"),
        "DB_LOCAL_INFILE": (False, "default"),
        "DB_HOST": (None, "default"),
        "DASK_SCHEDULER_ADDRESS": ("tcp://me:***@127.0.0.1:8786", "environment"),
    }
    assert {name: (shown[name]["value"], shown[name]["from"]) for name in expected} == expected


def test_people_see_a_line_a_setting_and_what_in_the_file_is_none(told, tmp_path):
    lines = told().stdout.splitlines()
    assert lines[0].split() == ["setting", "value", "from"]
    by_name = {line.split()[0]: line.split(maxsplit=2)[1:] for line in lines if line}
    assert by_name["DB_PASSWORD"] == ["***", ".env"]
    assert by_name["DB_USER"] == ["of-aws", "AWS secret"]
    assert by_name["DB_HOST"] == ["none", "default"]
    assert lines[-2:] == [f".env is {tmp_path / '.env'}", "no settings, so ignored there: DB_PASSWROD"]


def test_a_secret_that_cannot_be_read_is_wrong_usage(told, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "")
    result = told()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: AWS_SECRET_NAME: the secret 'prod/akasa' cannot be used: the AWS key" in result.stderr
