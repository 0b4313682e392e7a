"""Audits are kept in their order, read as they were, and shown without mobile numbers where that is asked."""

import stat
from datetime import UTC, datetime

import pytest
from lib import audited

from akasa.validate import audits
from akasa.validate.audits import Audit

ANOTHER = datetime(2025, 11, 14, tzinfo=UTC)


def test_an_audit_is_read_as_it_was_kept_the_latest_first(workspace):
    one = audited.broken(audited.audit(), "No two rows are the same order", ("O-1",), ("O-1",))
    audits.keep(workspace, one)
    audits.keep(workspace, audited.audit(ANOTHER, deliveries=()))
    later, earlier = audits.latest(workspace)
    assert (later.number, earlier.number, later.made) == (2, 1, ANOTHER)
    assert earlier == Audit(one.made, one.deliveries, 0.1, one.rows, one.findings, 1)
    assert [file.name for file in sorted(workspace.audits.iterdir())] == ["000001.json", "000002.json"]


def test_no_more_are_read_than_are_asked_for(workspace):
    for _ in range(3):
        audits.keep(workspace, audited.audit())
    assert [one.number for one in audits.latest(workspace, 2)] == [3, 2]
    assert [one.number for one in audits.latest(workspace, 5)] == [3, 2, 1]


def test_others_may_not_read_them(workspace):
    audits.keep(workspace, audited.audit())
    (file,) = workspace.audits.iterdir()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (file, workspace.audits)]
    assert modes == [0o600, 0o700]


def test_one_that_was_cut_short_and_files_of_others_are_passed_over(workspace):
    assert not audits.are_kept(workspace)
    workspace.audits.mkdir()
    for name in ("000001.json", "mine.json", "000002.txt"):
        (workspace.audits / name).touch()
    assert not audits.are_kept(workspace)
    audits.keep(workspace, audited.audit())
    assert [one.number for one in audits.latest(workspace)] == [2]


@pytest.mark.parametrize("damage", ["{", "[]", "{}", '{"made": "2025-11-13T00:00:00", "findings": [{}]}'])
def test_a_damaged_one_is_named(workspace, damage):
    workspace.audits.mkdir()
    (workspace.audits / "000007.json").write_text(damage)
    with pytest.raises(
        ValueError, match=r"^data/audits/000007\.json is no audit that akasa wrote; remove it$"
    ):
        audits.latest(workspace)


def test_masked_no_number_is_left_in_examples_names_and_errors():
    words = "Every mobile number is ten digits and begins with 6, 7, 8 or 9"
    rows = {"orders": 2}
    one = audited.audit(deliveries=["of 9876543210.xml"], rows=rows)
    one = audited.broken(one, words, ("order 9876543211", "987654321"), error="no 9876543212")
    masked = audits.masked(one)
    (broken,) = masked.broken
    assert masked.deliveries == ("of 98xxxxxx10.xml",)
    assert (broken.examples, broken.error) == ((("order 98xxxxxx11", "98xxxxx21"),), "no 98xxxxxx12")
    assert one.broken[0].examples == (("order 9876543211", "987654321"),)
