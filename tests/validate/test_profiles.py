"""Profiles are kept beside the staged records, made anew where they lack, and masked where that is asked."""

import stat

from lib.drops import TODAY, customers, deliver, orders

from akasa.ingest import staging
from akasa.publish import road
from akasa.validate import judging, profiles, profiling, quality

FILES = (
    ("customers.csv", customers(("C-1", "+91 9876543210", "North"), ("C-2", "9876543211", "North"))),
    ("orders.xml", orders(("O-1", "9876543210", "2025-10-12 10:00", "S-1", 1, "1,000"))),
)


def planned(settings):
    deliver(settings, *FILES)
    staging.stage_all(settings)
    return road.plan(settings, TODAY)


def test_judging_keeps_a_profile_that_only_its_user_can_read(workspace):
    plan = planned(workspace)
    judging.judge(workspace, plan)
    found = [profiles.recall(workspace, one.kind, one.sha256) for one in plan]
    assert [one.records for one in found] == [2, 1]
    assert found[0].columns["mobile_number"].forms == {"ten digits": 1, "+91 in front": 1, "spaces": 1}
    modes = {stat.S_IMODE(path.stat().st_mode) for path in workspace.profiles.iterdir()}
    assert (modes, stat.S_IMODE(workspace.profiles.stat().st_mode)) == ({0o600}, 0o700)


def test_one_that_is_lost_or_damaged_or_of_another_version_is_made_anew_where_records_are_staged(workspace):
    plan = planned(workspace)
    profiles.make_missing(workspace, plan.deliveries)
    kept = {file.name: file.read_bytes() for file in workspace.profiles.iterdir()}
    first, second = sorted(workspace.profiles.iterdir())
    now = f'"profile": {profiling.PROFILE_VERSION}'
    first.write_text(first.read_text().replace(now, '"profile": 0'))
    second.write_text("{")
    assert [profiles.recall(workspace, one.kind, one.sha256) for one in plan] == [None, None]
    profiles.make_missing(workspace, plan.deliveries)
    assert {file.name: file.read_bytes() for file in workspace.profiles.iterdir()} == kept
    first.unlink()
    (workspace.staging / first.name).with_suffix(".parquet").unlink()
    profiles.make_missing(workspace, plan.deliveries)
    assert [file.name for file in workspace.profiles.iterdir()] == [second.name]


def test_only_the_last_ones_of_each_kind_are_made(workspace):
    later = orders(("O-2", "9876543210", "2025-10-13 10:00", "S-1", 1, "1,000"))
    deliver(workspace, ("incoming/orders_2025-10-14.xml", later))
    plan = planned(workspace)
    profiles.make_missing(workspace, plan.deliveries, most=1)
    made = {(one.kind, one.name) for one in plan if profiles.recall(workspace, one.kind, one.sha256)}
    assert made == {("customers", "customers.csv"), ("orders", "incoming/orders_2025-10-14.xml")}


def test_the_notebooks_table_has_a_row_a_column_and_masks_numbers_where_that_is_asked(workspace, monkeypatch):
    plan = planned(workspace)
    told = quality.data_quality(workspace, plan).set_index("column")
    assert told.index.tolist()[:4] == ["customer_id", "customer_name", "mobile_number", "region"]
    assert told.loc["region"].tolist()[:3] == ["customers.csv", 2, 0]
    assert told.loc["region", "most_frequent"] == "North (2)"
    assert told["least"].tolist()[2] == "9876543210"
    monkeypatch.setenv("MASK_PII", "1")
    masked = quality.data_quality(workspace, plan)
    assert masked["least"].tolist()[2] == "98xxxxxx10"
    assert "9876543210" not in masked.to_string()
