"""What is lost beside the database is made again by the next publish, or said to be lost."""

import shutil

import pytest
from lib import drops
from lib.drops import customers, deliver, orders

from akasa.stores import database
from akasa.validate import plan as planning
from akasa.validate import quarantine, rules, verdicts

LINES = [
    ("O-1", "9000000001", "2025-10-12 09:15:32", "S-1", 1, "100.00"),
    ("O-2", "9000000001", "2025-10-13 09:15:32", "S-1", "x", "200.00"),
]


@pytest.fixture
def published(workspace):
    """A workspace with one order that is accepted, and one whose count is none."""
    deliver(workspace, ("customers.csv", customers(("C-1", "9000000001", "North"))))
    deliver(workspace, ("orders.xml", orders(*LINES)))
    drops.run(workspace)
    return workspace


def kept(settings):
    """Return delivery → its judgement that is kept, as plain rows; and delivery → what was rejected of it."""
    ledger = [planning.of_ledger(row) for row in database.ledger(settings).itertuples()]
    judged = {one.name: verdicts.recall(settings, one) for one in ledger}
    rejects = {one.name: quarantine.files(settings.quarantine, one.sha256) for one in ledger}
    return (
        {
            name: one and (one.rules_version, one.records.accepted.to_dict("records"))
            for name, one in judged.items()
        },
        {name: [file.read_bytes() for file in files] for name, files in rejects.items()},
    )


@pytest.mark.parametrize("lost", [["judged"], ["rejects"], ["judged", "rejects", "staging"]], ids="+".join)
def test_lost_judgements_and_rejects_are_made_again(published, capsys, lost):
    before = kept(published)
    assert [len(files) for files in before[1].values()] == [0, 1]
    for folder in lost:
        shutil.rmtree(published.data_dir / folder)
    drops.run(published)
    assert kept(published) == before
    assert "warning" not in capsys.readouterr().err


def test_what_cannot_be_made_again_is_said_to_be_lost(published, capsys, monkeypatch):
    """Under other rules, or without the file, nobody knows what was rejected then."""
    for folder in ("judged", "rejects"):
        shutil.rmtree(published.data_dir / folder)
    monkeypatch.setattr(rules, "RULES_VERSION", rules.RULES_VERSION + 1)
    drops.run(published)
    said = (
        "warning: what was rejected of orders.xml (1 record) is not kept here, so the report does not list it"
    )
    assert said in capsys.readouterr().err
    assert kept(published)[1] == {"customers.csv": [], "orders.xml": []}
