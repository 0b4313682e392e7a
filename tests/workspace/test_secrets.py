"""Secrets are known by the names of their settings, and hidden wherever they would be shown."""

import pytest

from akasa.workspace import secrets

SETTINGS = {
    "DB_PASSWORD": "canary-password",
    "AWS_SECRET_ACCESS_KEY": "canary-secret-key",
    "aws_session_token": "canary-token",
    "https_proxy": "http://me:canary-proxy@proxy:8080/",
    "DB_HOST": "canary-host",
    "AWS_SECRET_NAME": "canary-name",
    "DB_USER": "canary-user",
    "API_TOKEN": "short",
    "OTHER_PASSWORD": None,
}


def test_secrets_are_known_by_name_and_in_urls():
    found = set(secrets.among(SETTINGS))
    assert found == {"canary-password", "canary-secret-key", "canary-token", "canary-proxy"}


def test_what_is_known_in_the_environment_and_in_the_file_is_hidden(tmp_path, monkeypatch):
    (tmp_path / "env").write_text("AWS_SECRET_ACCESS_KEY='canary in the file'\n")
    monkeypatch.setenv("AKASA_ENV_FILE", str(tmp_path / "env"))
    monkeypatch.setenv("DB_PASSWORD", "canary-password")
    text = "access denied: 'canary-password', canary in the file"
    assert secrets.hide(text) == "access denied: '***', ***"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mysql+pymysql://akasa:x@db:3306/akasa", "mysql+pymysql://akasa:***@db:3306/akasa"),
        ("see https://example.org/a@b and me@example.org", "see https://example.org/a@b and me@example.org"),
        ("tcp://127.0.0.1:8786", "tcp://127.0.0.1:8786"),
    ],
)
def test_a_password_in_a_url_is_hidden_and_nothing_else(text, shown):
    assert secrets.hide(text, []) == shown


def test_a_file_of_settings_that_cannot_be_read_hides_nothing_and_raises_nothing(tmp_path, monkeypatch):
    (tmp_path / "env").write_bytes(b"\xff\xfe\x00")
    monkeypatch.setenv("AKASA_ENV_FILE", str(tmp_path / "env"))
    monkeypatch.setenv("DB_PASSWORD", "canary-password")
    assert "canary-password" in secrets.of_process()
