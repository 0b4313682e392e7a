from pathlib import Path

import pytest

from akasa.workspace import settings
from akasa.workspace.settings import ROOT, SettingsError


@pytest.fixture
def env_file(tmp_path, monkeypatch):
    monkeypatch.setenv("AKASA_ENV_FILE", str(tmp_path / ".env"))
    return tmp_path / ".env"


def test_defaults_lie_below_the_project():
    cfg = settings.load()
    assert (cfg.data_dir, cfg.output_dir) == (ROOT / "data", ROOT / "outputs")
    assert (cfg.customers_csv, cfg.orders_xml) == (ROOT / "data/customers.csv", ROOT / "data/orders.xml")
    assert (cfg.incoming, cfg.staging) == (ROOT / "data/incoming", ROOT / "data/staging")
    assert (cfg.source_timezone, cfg.business_timezone) == ("Asia/Kolkata", "Asia/Kolkata")
    assert (cfg.amount_is, cfg.on_refused, cfg.max_reject_ratio) == ("order", "stop", 0.1)


def test_folders_of_data_follow_data_dir(monkeypatch):
    monkeypatch.setenv("DATA_DIR", "/d")
    monkeypatch.setenv("ORDERS_XML_PATH", "elsewhere/o.xml")
    cfg = settings.load()
    assert (cfg.customers_csv, cfg.orders_xml) == (Path("/d/customers.csv"), ROOT / "elsewhere/o.xml")
    assert (cfg.incoming, cfg.quarantine, cfg.warehouse) == tuple(
        Path("/d") / name for name in ("incoming", "rejects", "warehouse")
    )


def test_relative_paths_start_at_the_project_wherever_it_is_run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", "my/data")
    monkeypatch.setenv("OUTPUT_DIR", "~/out")
    cfg = settings.load()
    assert (cfg.data_dir, cfg.output_dir) == (ROOT / "my/data", Path.home() / "out")


def test_the_environment_wins_over_the_env_file(env_file, monkeypatch):
    env_file.write_text("AMOUNT_IS=line\nON_REFUSED=skip\nSOMETHING_ELSE=1\n")
    monkeypatch.setenv("AMOUNT_IS", "order")
    cfg = settings.load()
    assert (cfg.amount_is, cfg.on_refused) == ("order", "skip")


def test_an_empty_value_counts_as_unset(env_file, monkeypatch):
    env_file.write_text("AMOUNT_IS=line\nON_REFUSED=\n")
    monkeypatch.setenv("AMOUNT_IS", "")
    cfg = settings.load()
    assert (cfg.amount_is, cfg.on_refused) == ("line", "stop")


def test_a_missing_env_file_is_no_fault(env_file):
    assert settings.load().amount_is == "order"


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        settings.load().amount_is = "line"


def test_every_bad_value_is_named_and_no_other_value_is_echoed(monkeypatch):
    values = {
        "AMOUNT_IS": "secret-1",
        "ON_REFUSED": "secret-2",
        "MAX_REJECT_RATIO": "secret-3",
        "DATA_DIR": "/secret-4",
        "DB_PORT": "secret-5",
        "DB_PASSWORD": "secret-6",
        "BUSINESS_TIMEZONE": "Asia/Atlantis",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as failure:
        settings.load()
    message = str(failure.value)
    named = {name for name in values if f"{name}: " in message}
    assert named == set(values) - {"DATA_DIR", "DB_PASSWORD"}
    assert "'Asia/Atlantis' is not a time zone" in message
    assert "secret" not in message
    assert failure.value.__suppress_context__


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_REJECT_RATIO", "1.01"),
        ("MAX_REJECT_RATIO", "-0.1"),
        ("MAX_REJECT_RATIO", "nan"),
        ("MAX_UNMATCHED_RATIO", "1.01"),
        ("MIN_REVENUE_RATIO", "1.01"),
        ("MAX_REVENUE_RATIO", "0.99"),
        ("LOCK_TIMEOUT", "-1"),
        ("AMOUNT_IS", "Order"),
        ("SOURCE_TIMEZONE", "../etc/passwd"),
        ("SOURCE_TIMEZONE", "/etc/localtime"),
        ("SOURCE_TIMEZONE", "IST+5"),
        ("DATA_DIR", "~nobody-at-all/x"),
        ("S3_BUCKET", "Bucket_of/mine"),
        ("WAREHOUSE_URL", "s3:///warehouse"),
        ("WAREHOUSE_URL", "/srv/warehouse"),
        ("WAREHOUSE_URL", "gs://bucket/warehouse"),
        ("WAREHOUSE_URL", "s3://key:secret@bucket/warehouse"),
        ("INCOMING_URL", "s3://bucket/a b"),
        ("PUBLISH_URL", "s3://bucket/../other"),
        ("PUBLISH_URL", "s3://bucket/out?x=1"),
        ("AWS_ENDPOINT_URL", "127.0.0.1:9000"),
        ("AWS_ENDPOINT_URL", "https://key:secret@127.0.0.1:9000"),
    ],
)
def test_a_value_out_of_range_is_refused(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^{name}: "):
        settings.load()


def test_addresses_of_buckets(monkeypatch):
    monkeypatch.setenv("S3_BUCKET", "mine")
    monkeypatch.setenv("WAREHOUSE_URL", "s3:///a/warehouse/")
    monkeypatch.setenv("INCOMING_URL", "s3://theirs/")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000/")
    cfg = settings.load()
    assert (cfg.warehouse_url, cfg.incoming_url) == ("s3://mine/a/warehouse", "s3://theirs")
    assert (cfg.publish_url, cfg.aws_endpoint_url) == (None, "http://127.0.0.1:9000")


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_a_key_without_its_other_half_is_refused(monkeypatch, name):
    monkeypatch.setenv(name, "canary-7-in-a-key")
    with pytest.raises(SettingsError, match=r"^AWS_SECRET_ACCESS_KEY: .* go together: set both, or none$"):
        settings.load()


def test_deliveries_lie_in_a_folder_or_in_a_bucket(monkeypatch, tmp_path):
    monkeypatch.setenv("INCOMING_DIR", str(tmp_path))
    monkeypatch.setenv("INCOMING_URL", "s3://theirs/incoming")
    with pytest.raises(SettingsError, match=r"^INCOMING_URL: .*INCOMING_DIR is set, too: unset one of them$"):
        settings.load()


def test_an_env_file_in_another_encoding_is_named(env_file):
    env_file.write_text("AMOUNT_IS=line\n", encoding="utf-16")
    with pytest.raises(SettingsError, match=r"\.env is not UTF-8"):
        settings.load()


def test_labels_are_the_same_on_every_machine(workspace, tmp_path):
    assert workspace.label(tmp_path / "outputs/sql_top_spenders.json") == "outputs/sql_top_spenders.json"
    assert workspace.label(tmp_path / "data/rejects/a.csv") == "data/rejects/a.csv"
    assert workspace.label(tmp_path / "outputs") == "outputs"
    assert workspace.label(Path("/somewhere/else.csv")) == "else.csv"
