"""What run.json says of a run, against a small workspace whose history is known by hand."""

import hashlib
import json
import subprocess
import sys
import tomllib
from dataclasses import replace

import pytest
from lib import kept
from lib.drops import customers, deliver, orders
from lib.drops import run as publish

from akasa.publish import withdraw
from akasa.run import manifest, versions
from akasa.validate import audits
from akasa.validate.audits import Audit, Finding
from akasa.workspace import masking
from akasa.workspace.settings import ROOT

CUSTOMERS = customers(("C1", "9000000001", "North"), ("C1", "9000000001", "North"), ("C2", "12", "South"))
ORDERS = orders(("O1", "9000000001", "2025-10-12 10:00", "S", 1, "10.00"))
LATER = orders(("O2", "9000000001", "2025-10-13 10:00", "S", 1, "20.00"))
NAMED = "incoming/orders_9876543210_2025-11-12.xml"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def test_deliveries_and_sightings_stand_in_their_order_with_their_counts(migrated):
    """One lies under two names, one came with other bytes, one was taken back."""
    deliver(migrated, ("customers.csv", CUSTOMERS), ("orders.xml", ORDERS))
    deliver(migrated, ("incoming/orders_2025-11-12.xml", LATER), ("incoming/orders_2025-11-13.xml", ORDERS))
    publish(migrated)
    deliver(migrated, ("orders.xml", LATER))
    publish(migrated)
    withdraw.commit(migrated, withdraw.derive(migrated, "incoming/orders_2025-11-12.xml"))
    kept.run(migrated, 1)
    said = kept.said(migrated)
    names = ("position", "kind", "name", "sha256", "records", "accepted", "rejected", "repeats")
    assert [tuple(one[name] for name in names) for one in said["deliveries"]] == [
        (1, "customers", "customers.csv", sha256(CUSTOMERS), 3, 1, 1, 1),
        (3, "orders", "incoming/orders_2025-11-13.xml", sha256(ORDERS), 1, 1, 0, 0),
    ]
    assert {one["rules_version"] for one in said["deliveries"]} == {said["rules_version"]}
    assert said["deliveries"][1]["delivered_on"] == "2025-11-13"
    seen = [(one["position"], one["name"], one["revision"], one["sha256"]) for one in said["sightings"]]
    assert seen == [
        (1, "customers.csv", 0, sha256(CUSTOMERS)),
        (2, "orders.xml", 0, sha256(ORDERS)),
        (3, "incoming/orders_2025-11-13.xml", 0, sha256(ORDERS)),
        (None, "orders.xml", 1, sha256(LATER)),
        (None, "incoming/orders_2025-11-12.xml", 0, sha256(LATER)),
    ]
    assert [one["withdrawn"] for one in said["sightings"]] == [False, False, False, True, True]
    assert [one["day"] for one in said["sightings"]][2:] == ["2025-11-13", "2025-11-15", "2025-11-12"]


def test_names_are_masked_where_that_is_asked_for_and_hashes_never(migrated):
    content = next(one for one in map(_orders, range(99_999)) if masking.text(sha256(one)) != sha256(one))
    deliver(migrated, ("customers.csv", CUSTOMERS), (NAMED, content))
    publish(migrated)
    masked = migrated.model_copy(update={"mask_pii": True})
    kept.run(masked, 1)
    said = kept.said(masked)
    (one,) = (one for one in said["deliveries"] if one["kind"] == "orders")
    assert (one["name"], one["sha256"]) == ("incoming/orders_98xxxxxx10_2025-11-12.xml", sha256(content))
    assert "9876543210" not in (masked.output_dir / "run.json").read_text()
    kept.run(migrated, 2)
    assert NAMED in (migrated.output_dir / "run.json").read_text()


def _orders(number):
    return orders((f"O{number}", "9000000001", "2025-10-12 10:00", "S", 1, "10.00"))


def test_parameters_are_told_as_given_and_as_they_took_effect(workspace):
    settings = workspace.model_copy(update={"on_refused": "skip", "max_reject_ratio": 0.25})
    kept.run(settings, 1, given={"top_n": 3, "engine": "dask"})
    said = kept.said(settings)
    assert said["parameters"] == {"engine": "dask", "top_n": 3}
    assert said["effective_parameters"] == {
        "as_of": "2025-11-10",
        "audit_all": False,
        "engine": "dask",
        "max_reject_ratio": 0.25,
        "max_replaced_ratio": 1.0,
        "on_refused": "skip",
        "today": None,
        "top_n": 3,
        "window_days": 30,
    }


def test_settings_are_told_without_secrets_and_without_this_machines_folders(workspace, monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "canary-in-a-password")
    secret = {"dask_scheduler_address": "tls://me:canary-in-a-url@h:1", "db_password": "canary-in-a-password"}
    settings = type(workspace).model_validate(
        {**workspace.model_dump(), **secret, "orders_xml_path": workspace.data_dir / "in/o.xml"}
    )
    said = manifest.settings_of(settings)
    secrets = {"DB_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
    assert set(said) == {name.upper() for name in type(settings).model_fields} - secrets
    assert (said["DATA_DIR"], said["OUTPUT_DIR"], said["ORDERS_XML_PATH"]) == (
        "data",
        "outputs",
        "data/in/o.xml",
    )
    assert (said["AMOUNT_IS"], said["KEEP_RUNS"], said["TODAY"]) == ("order", 14, None)
    kept.run(settings, 1)
    written = (settings.output_dir / "run.json").read_text()
    assert "canary" not in written
    assert "tls://me:***@h:1" in written
    assert str(settings.data_dir.parent) not in written


def test_settings_that_json_has_no_word_for_are_told_as_text(workspace):
    odd = {"freshness_hours": float("inf"), "orders_xml_path": workspace.data_dir / "o\udcff\u20b9.xml"}
    kept.run(workspace.model_copy(update=odd), 1)
    said = json.loads((workspace.output_dir / "run.json").read_text("utf-8"), parse_constant=pytest.fail)
    told = said["settings"]
    assert (told["FRESHNESS_HOURS"], told["ORDERS_XML_PATH"]) == ("inf", "data/o\\xff\u20b9.xml")


def test_a_step_takes_no_time_where_the_time_stands_still(workspace, monkeypatch):
    kept.run(workspace, 1, seconds=1.23456)
    assert kept.said(workspace)["steps"] == [
        {"step": "05_report", "status": "done", "seconds": 1.235, "reason": ""}
    ]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    kept.run(workspace, 2, seconds=1.23456)
    assert kept.said(workspace)["steps"][0]["seconds"] == 0


def test_verdicts_and_totals_are_those_of_the_run_or_of_what_is_in_place(workspace):
    proof = {"engines": ["sql"], "differences": 0, "totals": []}
    verdict = {
        "table": "orders",
        "expectation": "e",
        "column": "c",
        "severity": "critical",
        "success": True,
        "unexpected": 0,
    }
    kept.run(workspace, 1, **{"proof.json": json.dumps(proof)})
    assert (kept.said(workspace)["proof"], kept.said(workspace)["audit"]) == (proof, [])
    found = Finding("orders", "e", ("c", "d"), "", "", (), True, 0)
    audits.keep(workspace, Audit(kept.STARTED, (), 0.1, {"orders": 1}, (found,)))
    audits.keep(workspace, Audit(kept.STARTED, (), 0.1, {"orders": 1}, (replace(found, success=False),)))
    kept.run(workspace, 2)
    assert kept.said(workspace)["audit"] == [verdict | {"column": "c, d"}]


def test_without_a_database_nothing_is_made_for_the_list(workspace):
    kept.run(workspace, 1)
    said = kept.said(workspace)
    assert (said["deliveries"], said["sightings"], said["versions"]["database"]) == ([], [], None)
    assert list(workspace.data_dir.glob("akasa.db*")) == []


def test_every_package_that_pyproject_asks_for_is_told_but_those_that_change_no_result():
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {line.partition(">")[0].partition("[")[0] for line in asked}
    no_result = {"ipykernel", "click", "filelock", "lazy_loader", "prometheus_client"}
    assert names - set(versions.PACKAGES) == no_result
    assert no_result & set(versions.PACKAGES) == set()


def test_versions_are_those_that_are_installed_and_nothing_is_imported_for_them():
    code = (
        "import sys; from akasa.run.versions import PACKAGES, package; before = set(sys.modules);"
        "found = {name: package(name) for name in PACKAGES};"
        "new = {name.split('.')[0] for name in set(sys.modules) - before};"
        "assert not new & {'great_expectations', 'papermill', 'deltalake', 'matplotlib', 'dask'}, new;"
        "import pandas, lxml.etree;"
        "assert found['pandas'] == pandas.__version__; assert found['lxml'] == lxml.__version__;"
        "assert None not in found.values(); assert package('no such package') is None"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with one commit, in place of ours."""
    for name in versions.CODE:
        (tmp_path / "project" / name).mkdir(parents=True)
        (tmp_path / "project" / name / "a.py").write_text("1")
    monkeypatch.setattr(versions, "ROOT", tmp_path / "project")
    git(tmp_path / "project", "init", "-q")
    git(tmp_path / "project", "add", ".")
    git(tmp_path / "project", "commit", "-qm", "first")
    return tmp_path / "project"


def git(folder, *arguments):
    who = ["-c", "user.name=x", "-c", "user.email=x@x"]
    found = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return found.stdout.strip()


def test_the_commit_is_told_and_whether_the_code_differs_from_it(checkout, monkeypatch):
    clean = {"commit": git(checkout, "rev-parse", "HEAD"), "dirty": False}
    assert versions.git() == clean
    (checkout / "README.md").write_text("changed")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert versions.git() == clean
    (checkout / "akasa/new.py").write_text("1")
    assert versions.git() == clean | {"dirty": True}
    (checkout / "akasa/new.py").unlink()
    (checkout / "notebooks/a.py").write_text("2")
    assert versions.git() == clean | {"dirty": True}


def test_where_there_is_no_checkout_no_commit_and_no_git_nothing_is_told(checkout, monkeypatch):
    with monkeypatch.context() as within:
        within.setattr(versions, "ROOT", checkout / "akasa")  # of a folder above, nothing is asked
        assert versions.git() is None
    with monkeypatch.context() as without:
        without.setenv("PATH", "")
        assert versions.git() is None
    assert versions.git()
    git(checkout, "update-ref", "-d", "HEAD")
    assert versions.git() is None
