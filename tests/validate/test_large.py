"""A delivery is judged alike whole and in however many parts: to the byte, and as the reference judges it."""

from random import Random

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from lib import dirty, reference
from lib.judging import DAY, FIELDS, judged, stage

from akasa.ingest import readers, staging
from akasa.validate import kept, parts, profiles
from akasa.workspace import rows

NAMED = [
    "A1",
    " a1",
    "A1\u200b",
    "A2",
    "Zoe\u0308",
    "Zo\u00eb",
    "B10",
    "B9",
    "\U0001f600",
    "\uff5e",
    None,
    " ",
]
MOBILES = ["9000000001", "+91 90000 00001", "9000000002", "9000000003", "12", None]
FAR_APART = {  # what no record has of itself
    ("customers", "order"): {"conflicting_customer", "shared_mobile_number"},
    ("orders", "order"): {"conflicting_order", "order_rejected"},
    ("orders", "line"): {"repeated_line", "order_rejected"},
}
TEXTS = {
    "customer_id": NAMED,
    "order_id": NAMED,
    "mobile_number": MOBILES,
    "customer_name": ["Asha", " Asha ", "Ra\u00advi", "", None, "B\u0007"],
    "region": ["North", "NORTH", "east", None],
    "order_date_time": ["2025-11-14T10:00", "14-11-2025 10:00", "2025-12-01", "soon", None],
    "sku_id": ["S1", "S2", "S3", "S1\u200b", "", None],
    "sku_count": ["1", "01", "2", "0", None],
    "total_amount": ["5", "5.00", "7.5", "-1", "9999999999999.99", None],
}


def records(kind):
    """Return a strategy for lists of records as the reference has them, half of them equal to others."""
    fields = {field: st.sampled_from(TEXTS[field]) for field in FIELDS[kind]}
    one = st.fixed_dictionaries({**fields, "malformed": st.sampled_from([False] * 9 + [True])})
    return st.lists(one, min_size=1, max_size=40).map(
        lambda found: [{**r, "record": n} for n, r in enumerate(found, start=1)]
    )


@pytest.mark.parametrize(
    ("kind", "amount_is"), [("customers", "order"), ("orders", "order"), ("orders", "line")]
)
@pytest.mark.parametrize("examples", [6, pytest.param(20, marks=pytest.mark.long)])
def test_in_1_3_and_64_parts(examples, kind, amount_is, workspace, monkeypatch):
    cfg = workspace.model_copy(update={"amount_is": amount_is})
    monkeypatch.setattr(kept, "GROUP_ROWS", 5)
    monkeypatch.setattr(profiles, "TEXTS_AT_ONCE", 9)

    @hypothesis_settings(max_examples=examples, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(records(kind))
    def alike(found):
        delivery = stage(cfg, kind, found)
        whole, files = judged(cfg, delivery, 10**9, monkeypatch)
        for many in (3, 64):
            in_parts, same = judged(cfg, delivery, max(1, len(found) // many), monkeypatch)
            assert same == files
            assert in_parts.told() == whole.told()
            assert list(in_parts.records.warnings.items()) == list(whole.records.warnings.items())
            assert in_parts.records.rejected["record"].is_monotonic_increasing
        if kind == "customers":
            accepted, rejected, repeats = reference.judge_customers(found)
        else:
            accepted, rejected, repeats = reference.judge_orders(found, DAY, amount_is)
        told = in_parts.records.rejected
        assert [(r.record, set(r.reasons.split())) for r in told.itertuples()] == rejected
        assert in_parts.records.repeats == repeats
        key = f"{kind[:-1]}_id"
        assert in_parts.records.accepted[key].tolist() == sorted(row[key] for row in accepted)

    alike()


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3))])
@pytest.mark.parametrize(("kind", "amount_is"), list(FAR_APART))
def test_what_is_told_by_records_far_apart_in_3_and_64_parts(kind, amount_is, seed, workspace, monkeypatch):
    cfg = workspace.model_copy(update={"amount_is": amount_is})
    monkeypatch.setattr(kept, "GROUP_ROWS", 50)
    monkeypatch.setattr(profiles, "TEXTS_AT_ONCE", 50)
    found = getattr(dirty, kind)(Random(seed))
    delivery = stage(cfg, kind, found)
    whole, files = judged(cfg, delivery, 10**9, monkeypatch)
    assert set(" ".join(whole.records.rejected["reasons"]).split()) >= FAR_APART[kind, amount_is]
    assert whole.records.repeats or amount_is == "line"
    for many in (3, 64):
        in_parts, same = judged(cfg, delivery, -(-len(found) // many), monkeypatch)
        assert same == files
        assert in_parts.told() == whole.told()
        assert in_parts.records.warnings == whole.records.warnings
        room = rows.Room(cfg)
        made = parts.split(kind, staging.path(cfg.staging, kind, delivery.sha256), room)
        assert sum(len(parts.read(one)) > 0 for one in made) >= min(many, 50)


def test_a_part_has_all_lines_of_an_order_however_its_number_is_written(workspace, monkeypatch):
    numbers = ["B", "A", "B\u200b", " A", None, "C", "D", " ", "A"]
    fields = dict.fromkeys(readers.ORDER_FIELDS, "1")
    found = [{**fields, "record": n, "malformed": False, "order_id": id_} for n, id_ in enumerate(numbers)]
    delivery = stage(workspace, "orders", found)
    monkeypatch.setattr(rows, "PART_ROWS", 3)
    staged = staging.path(workspace.staging, "orders", delivery.sha256)
    room = rows.Room(workspace)
    made = [parts.read(file)["order_id"].to_pylist() for file in parts.split("orders", staged, room)]
    assert made == [[None, " "], ["A", " A", "A"], ["B", "B\u200b", "C", "D"]]


def test_records_without_any_id_are_one_part(workspace, monkeypatch):
    found = [{**dict.fromkeys(readers.ORDER_FIELDS), "record": n, "malformed": False} for n in range(1, 9)]
    delivery = stage(workspace, "orders", found)
    one, _ = judged(workspace, delivery, 3, monkeypatch)
    assert (one.records.rejected_count, one.records.repeats) == (1, 7)


def test_one_order_alone_is_one_part(workspace, monkeypatch):
    fields = dict.fromkeys(readers.ORDER_FIELDS, "1")
    delivery = stage(workspace, "orders", [{**fields, "record": n, "malformed": False} for n in range(20)])
    monkeypatch.setattr(rows, "PART_ROWS", 3)
    staged = staging.path(workspace.staging, "orders", delivery.sha256)
    room = rows.Room(workspace)
    files = parts.split("orders", staged, room)
    assert sum(len(parts.read(file)) > 0 for file in files) == 1


def test_a_room_goes_with_its_last_user_and_what_a_killed_process_left_with_the_next(workspace):
    rooms = workspace.data_dir / ".run.rows"
    (rooms / "of-one-that-was-killed").mkdir(parents=True)
    first = rows.Room(workspace)
    second = rows.Room(workspace)
    assert sorted(rooms.iterdir()) == sorted([first.folder, second.folder])
    assert first.folder.stat().st_mode & 0o077 == 0
    there = second.folder
    del second
    assert not there.exists()
    assert first.folder.exists()
