"""Settings from AWS Secrets Manager: below environment and `.env`, once a process, a sentence a failure."""

import json
import os
import subprocess
import sys
import time

import boto3
import pytest
from lib import aws, buckets
from lib.ports import free_port

from akasa.workspace import secrets, secrets_manager, settings
from akasa.workspace.settings import SettingsError

NAME = "prod/akasa"


@pytest.fixture(autouse=True)
def named(monkeypatch, tmp_path):
    """A secret is named; nothing of this machine's AWS, and nothing that another test has read, is known."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_SECRET_NAME", NAME)
    monkeypatch.setenv("AKASA_ENV_FILE", str(tmp_path / ".env"))
    secrets_manager.forget()
    yield
    secrets_manager.forget()


def failure():
    with pytest.raises(SettingsError) as caught:
        settings.load()
    message = str(caught.value)
    start = f"AWS_SECRET_NAME: the secret '{NAME}' cannot be used: "
    assert message.startswith(start)
    assert "canary" not in message
    assert "\n" not in message
    return message.removeprefix(start)


@pytest.mark.slow
def test_the_real_api_gives_settings_that_environment_and_file_overrule(monkeypatch, tmp_path):
    values = {"db_password": "canary-password", "DB_USER": "of-aws", "Db_Port": 3307, "DB_LOCAL_INFILE": True}
    with buckets.moto(tmp_path) as server:
        aws.lead_to(monkeypatch, server.endpoint)
        assert "there is none of this name in region ap-south-1" in failure()
        client = boto3.session.Session().client("secretsmanager", "ap-south-1")
        text = json.dumps({**values, "DB_HOST": "db.of.aws", "TODAY": None, "RUN_TIMEOUT": ""})
        client.create_secret(Name=NAME, SecretString=text)
        monkeypatch.setenv("DB_HOST", "db.of.environment")
        (tmp_path / ".env").write_text("DB_USER=of-file\nDB_HOST=db.of.file\n")
        found = settings.load()
        client.delete_secret(SecretId=NAME)
        assert settings.load() == found  # once a process
        secrets_manager.forget()
        assert "it has no value that can be read now" in failure()
    assert (found.db_host, found.db_user, found.db_port) == ("db.of.environment", "of-file", 3307)
    assert found.db_password.get_secret_value() == "canary-password"
    assert (found.db_local_infile, found.today, found.run_timeout) == (True, None, None)


def test_where_each_setting_comes_from_is_known(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("DB_USER=of-file\n")
    with aws.answering(aws.secret('{"DB_USER": "of-aws", "db_name": "of-aws"}')) as (endpoint, asked):
        aws.lead_to(monkeypatch, endpoint)
        origins = settings.origins()
    assert asked == [{"SecretId": NAME}]
    named = ("aws_secret_name", "db_user", "db_name", "db_host")
    assert [origins[name] for name in named] == ["environment", ".env", "AWS secret", "default"]


def test_its_name_and_how_to_ask_may_stand_in_the_file(monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_SECRET_NAME")
    with aws.answering(aws.secret('{"DB_NAME": "of-aws"}')) as (endpoint, _):
        written = {"AWS_SECRET_NAME": NAME, **aws.given(endpoint)}
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in written.items()))
        assert settings.load().db_name == "of-aws"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("DB_PASSWORD=canary-password", "it is not JSON;"),
        ('{"DB_PASSWORD": "canary', "it is not JSON;"),
        ("[" * 100_000, "it is not JSON;"),
        ('["canary-password"]', "it is JSON, but not an object"),
        ('"canary-password"', "it is JSON, but not an object"),
        ('{"username": "canary-1", "DB_USER": "a", "host": 1}', "its keys host, username are no settings"),
        ('{"AWS_SECRET_NAME": "canary"}', "its keys AWS_SECRET_NAME are no settings"),
        ('{"DB_USER": "canary-1", "db_user": "canary-2"}', "it gives DB_USER twice"),
        ('{"DB_USER": {"canary": 1}}', "it gives DB_USER no text or number"),
        ('{"DB_USER": ["canary"]}', "it gives DB_USER no text or number"),
    ],
)
def test_what_is_no_object_of_settings_is_refused_and_shown_in_no_part(monkeypatch, text, said):
    with aws.answering(aws.secret(text)) as (endpoint, _):
        aws.lead_to(monkeypatch, endpoint)
        assert failure().startswith(said)


def test_a_value_that_cannot_be_used_is_named_with_its_place(monkeypatch):
    with aws.answering(aws.secret('{"DB_PORT": "canary", "LOCK_TIMEOUT": -1}')) as (endpoint, _):
        aws.lead_to(monkeypatch, endpoint, LOCK_TIMEOUT="x")
        with pytest.raises(SettingsError) as caught:
            settings.load()
    port, timeout = sorted(str(caught.value).split("; "))
    assert port.startswith("DB_PORT: ")
    assert port.endswith("(in the AWS secret)")
    assert timeout.startswith("LOCK_TIMEOUT: ")
    assert "secret" not in timeout
    assert "canary" not in port


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, {"__type": "ResourceNotFoundException"}, "there is none of this name in region ap-south-1"),
        (400, {"__type": "AccessDeniedException", "Message": "canary"}, "these credentials may not read it"),
        (400, {"__type": "DecryptionFailure"}, "these credentials may not decrypt it"),
        (400, {"__type": "UnrecognizedClientException"}, "the AWS credentials are wrong or have expired"),
        (
            403,
            {"__type": "InvalidSignatureException"},
            "the AWS credentials are wrong or have expired, or mean",
        ),
        (400, {"__type": "ExpiredTokenException"}, "the AWS credentials have expired"),
        (400, {"__type": "NewException{0}"}, "AWS refuses it ('NewException{0}')"),
        (200, b"<html>canary</html>", "what answered is not AWS Secrets Manager"),
        (200, {"SecretBinary": "Y2FuYXJ5"}, "it is binary"),
    ],
)
def test_each_refusal_is_a_sentence(monkeypatch, status, body, said):
    with aws.answering(body, status) as (endpoint, _):
        aws.lead_to(monkeypatch, endpoint)
        assert failure().startswith(said)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"AWS_REGION": ""}, "no region is named: set AWS_REGION"),
        ({"AWS_REGION": "a region"}, "region a region is no region"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "no AWS credentials were found"),
        ({"AWS_SECRET_ACCESS_KEY": ""}, "the AWS key is not whole"),
        ({"AWS_PROFILE": "nobody"}, "there is no such AWS profile"),
        ({"AWS_ENDPOINT_URL_SECRETS_MANAGER": "nowhere"}, "AWS_ENDPOINT_URL is no address"),
        ({}, "AWS cannot be reached for region ap-south-1"),
    ],
)
def test_what_is_missing_or_away_is_a_sentence(monkeypatch, changes, said):
    aws.lead_to(monkeypatch, f"http://127.0.0.1:{free_port()}", **changes)
    assert failure().startswith(said)


@pytest.mark.slow
@pytest.mark.parametrize("dripping", [False, True])
def test_a_silent_server_is_waited_for_ten_seconds_at_most(monkeypatch, dripping):
    with aws.silent(dripping) as endpoint:
        aws.lead_to(monkeypatch, endpoint)
        began = time.monotonic()
        assert failure().startswith("AWS did not answer in time")
    assert time.monotonic() - began < secrets_manager.SECONDS + 1


def test_without_boto3_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.setitem(sys.modules, "boto3.session", None)
    assert failure() == "boto3 asks AWS for it, and is not installed: make env EXTRA=aws"


def test_without_a_secret_nothing_of_aws_is_imported():
    code = (
        "import sys; from akasa.workspace import settings; settings.load(); print('botocore' in sys.modules)"
    )
    environment = {**os.environ, "AWS_SECRET_NAME": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_what_it_gives_is_hidden_however_it_is_spelt(monkeypatch):
    password = 'canary "& pass\\wörd'
    with aws.answering(aws.secret(json.dumps({"DB_PASSWORD": password}))) as (endpoint, _):
        aws.lead_to(monkeypatch, endpoint)
        settings.load()
    spelt = [password, repr(password), json.dumps(password), json.dumps({"a": password}, ensure_ascii=False)]
    (handed_down,) = secrets_manager.to_hand_down().values()
    shown = secrets.hide("\n".join([*spelt, handed_down, f"{secrets_manager.values()}"]))
    assert "canary" not in shown
    assert handed_down not in shown


def test_a_process_that_is_told_what_was_read_does_not_ask(monkeypatch):
    with aws.answering(aws.secret('{"DB_PASSWORD": "canary-password"}')) as (endpoint, asked):
        aws.lead_to(monkeypatch, endpoint)
        found = settings.load()
        for name, value in secrets_manager.to_hand_down().items():
            monkeypatch.setenv(name, value)
        secrets_manager.forget()
        assert settings.load() == found
        assert len(asked) == 1
        assert settings.origins()["db_password"] == "AWS secret"
    assert secrets.hide("canary-password") == "***"
