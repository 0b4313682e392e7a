"""Semantic bugs, planted one at a time into a copy of the package: each is caught by a quick test.

Where a text that is to be replaced is not there once, the test fails: so the list cannot rot. What caught
which is printed at the end of the session.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import akasa

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(akasa.__file__).parent


class Bug(NamedTuple):
    """What is wrong; the file below akasa/, the text there and what stands for it; the test that sees it."""

    name: str
    file: str
    text: str
    instead: str
    caught_by: str


BUGS = [
    Bug(
        "lines are counted instead of orders",
        "validate/rules.py",
        'lines.drop_duplicates("order_id")[',
        "lines[",
        "validate/test_rules.py::test_the_total_of_an_order_counts_once",
    ),
    Bug(
        "amounts of lines are not summed",
        "validate/rules.py",
        '["total_amount_paise"].sum()',
        '["total_amount_paise"].max()',
        "validate/test_rules.py::test_amounts_of_lines_are_summed",
    ),
    Bug(
        "an order of which a line is bad is accepted for the rest",
        "validate/rules.py",
        "_is_in(order, named[bad])",
        "_is_in(order, named[:0])",
        "validate/test_rules.py::test_one_bad_line_rejects_its_order_and_conflicts_with_nothing",
    ),
    Bug(
        "exact repeats count",
        "validate/rules.py",
        "told_apart.duplicated(keep=keep)",
        "False",
        "validate/test_rules.py::test_exact_repeats_of_lines",
    ),
    Bug(
        "an order of the delivery's next day is a future one",
        "validate/rules.py",
        "delivered_on + timedelta(days=1)",
        "delivered_on",
        "validate/test_rules.py::test_future_orders_are_later_than_the_day_after_the_delivery",
    ),
    Bug(
        "a row that breaks an expectation is shown as one that holds it",
        "validate/templates/validation.html.j2",
        '"✓ yes" if one.success else "✗ NO"',
        '"✓ yes"',
        "validate/test_data_docs.py::test_a_failure_is_said_first_and_shown_with_the_rows_that_break_it",
    ),
    Bug(
        "the report rests on an audit that failed",
        "report/facts.py",
        "one for one in self.audits if not one.broken",
        "one for one in self.audits",
        "report/test_facts.py::test_the_last_audit_that_passed_is_told_and_what_failed_since",
    ),
    Bug(
        "Data Docs tell numbers that were to be masked",
        "validate/data_docs.py",
        "if settings.mask_pii else kept",
        "if not kept else kept",
        "validate/test_data_docs.py::test_mobile_numbers_are_masked_where_that_is_asked_for",
    ),
    Bug(
        "what is too much is judged on old deliveries as well",
        "validate/gate.py",
        'counts[counts["status"] != "again"]',
        "counts",
        "validate/test_rules.py::test_a_delivery_that_comes_again_was_let_through_before",
    ),
    Bug(
        "a share that is just allowed stops",
        "validate/gate.py",
        "if one[of] > allowed * one[what]",
        "if one[of] >= allowed * one[what]",
        "validate/test_rules.py::test_the_share_that_is_allowed_passes_and_one_more_record_stops",
    ),
    Bug(
        "the month is that of UTC",
        "validate/cleaning.py",
        "tz_convert(business).tz_localize(None)",
        'tz_convert("UTC").tz_localize(None)',
        "validate/test_cleaning.py::test_time_zones_of_clean_orders",
    ),
    Bug(
        "91 is dropped from a whole number",
        "validate/cleaning.py",
        'NATIONAL_NUMBER = "[6-9][0-9]{9}"',
        'NATIONAL_NUMBER = "[6-9][0-9]{7,9}"',
        "validate/test_cleaning.py::test_a_prefix_is_dropped_only_where_more_than_ten_digits_are_left",
    ),
    Bug(
        "the earliest place of the same bytes wins",
        "validate/plan.py",
        "            places[one.key] = one",
        "            places.setdefault(one.key, one)",
        "publish/test_road.py::test_the_same_bytes_under_a_later_name_win_again",
    ),
    Bug(
        "withdrawn bytes that still lie there are published",
        "validate/plan.py",
        "        if not one.withdrawn:",
        "        if True:",
        "publish/test_withdraw.py::test_withdrawn_bytes_that_come_under_another_name_are_a_new_delivery",
    ),
    Bug(
        "base files stand behind the incoming ones",
        "ingest/deliveries.py",
        '    if not name.startswith(f"{_INCOMING}/"):\n        return 0',
        '    if not name.startswith(f"{_INCOMING}/"):\n        return 3',
        "ingest/test_deliveries.py::test_order_of_deliveries",
    ),
    Bug(
        "a repair stands behind all other deliveries",
        "ingest/deliveries.py",
        "before = position_of(repaired.name, kind, repaired.revision)",
        'before = "9"',
        "report/test_repair.py::test_a_newer_version_survives_the_repair_of_an_older_one_whichever_comes_first",
    ),
    Bug(
        "what a repair does not mend stops the run",
        "validate/gate.py",
        'repairs.repaired(name) is None for name in counts["delivery"]',
        'True for name in counts["delivery"]',
        "report/test_repair.py::test_a_repair_that_mends_nothing_does_not_stop_the_run",
    ),
    Bug(
        "a record is closed by what was delivered before it",
        "report/turned_away.py",
        "map(self._places) > source.position",
        "map(self._places) != source.position",
        "report/test_repair.py::test_a_later_delivery_closes_what_it_brings_again_and_an_earlier_one_does_not",
    ),
    Bug(
        "numbers in names stand as letters do: 10 before 9",
        "ingest/deliveries.py",
        'return digits if count == 1 else f"',
        'return digits if count else f"',
        "ingest/test_deliveries.py::test_names_of_a_day_stand_by_number_and_what_extends_one_behind_it",
    ),
    Bug(
        "items of an older version stay with the order",
        "publish/versions.py",
        'all_items[winner == all_items["delivery_id"]]',
        "all_items",
        "publish/test_road.py::test_latest_takes_each_order_whole_from_its_latest_delivery",
    ),
    Bug(
        "of two versions the one that was published last stands",
        "publish/database_load.py",
        "where published.position > arriving.position",
        "where published.position < arriving.position",
        "stores/test_contract.py::test_the_latest_delivery_wins_as_a_whole_whenever_it_is_published[SQLite-turns1]",
    ),
    Bug(
        "a withdrawal leaves no earlier version",
        "publish/database_load.py",
        "            load.stage(table, instead[table])",
        "            load.stage(table, instead[table][:0])",
        "publish/test_withdraw.py::test_what_was_judged_is_used_even_when_nothing_else_is_left",
    ),
    Bug(
        "the warehouse keeps the items that an order had before",
        "publish/warehouse_files.py",
        "return there.filter(pc.invert(pc.is_in(there[key], value_set=leaving)))",
        "return there",
        "stores/test_contract.py::test_the_latest_delivery_wins_as_a_whole_whenever_it_is_published[Delta-turns0]",
    ),
    Bug(
        "the last claimant of a number takes all its orders",
        "publish/holdings.py",
        "from_day=place.claims_from",
        "from_day=FIRST_DAY",
        "publish/test_holdings.py::test_an_order_belongs_to_who_held_its_number_on_its_day",
    ),
    Bug(
        "a claim counts from its delivery's own day",
        "validate/plan.py",
        "self.delivered_on - timedelta(days=1)",
        "self.delivered_on",
        "publish/test_holdings.py::test_each_holds_the_number_from_the_day_before_their_delivery",
    ),
    Bug(
        "both have the orders of the day on which a number changes hands",
        "kpis/regional_revenue.sql",
        "orders.order_date < changed.until_day",
        "orders.order_date <= changed.until_day",
        "kpis/test_engines.py::test_every_kpi_from_both_stores_by_hand",
    ),
    Bug(
        "averages are rounded half down",
        "kpis/definitions.py",
        "(2 * (total_paise % count) >= count)",
        "(2 * (total_paise % count) > count)",
        "kpis/test_engines.py::test_every_kpi_from_both_stores_by_hand",
    ),
    Bug(
        "rows of a tie stand in any order",
        "kpis/definitions.py",
        'order=(("order_count", True), ("customer_id", False)),',
        'order=(("order_count", True),),',
        "kpis/test_engines.py::test_canonical_sorts_by_every_key_where_rows_stand_by_the_last_and_where_not",
    ),
    Bug(
        "customers of a tie stand from last to first",
        "kpis/definitions.py",
        'order=(("order_count", True), ("customer_id", False)),',
        'order=(("order_count", True), ("customer_id", True)),',
        "kpis/test_engines.py::test_customers_in_a_tie_stand_by_id_as_text",
    ),
    Bug(
        "the day before the window counts",
        "kpis/top_spenders.sql",
        "order_date > :window_start",
        "order_date >= :window_start",
        "kpis/test_engines.py::test_every_kpi_from_both_stores_by_hand",
    ),
    Bug(
        "as_of itself does not count",
        "stores/warehouse.py",
        'pc.field("order_date") <= pa.scalar(as_of',
        'pc.field("order_date") < pa.scalar(as_of',
        "kpis/test_engines.py::test_every_kpi_from_both_stores_by_hand",
    ),
    Bug(
        "money is summed in floats",
        "kpis/sales.py",
        '"paise": pc.field("total_amount_paise")',
        '"paise": pc.field("total_amount_paise").cast(pa.float64())',
        "kpis/test_engines.py::test_money_beyond_the_whole_numbers_of_a_float_is_exact",
    ),
    Bug(
        "an inner join loses the orders that nobody owns",
        "kpis/regional_revenue.sql",
        "left join customers on",
        "join customers on",
        "kpis/test_reconcile.py::test_the_sample_agrees",
    ),
    Bug(
        "the numbers that nobody holds are not counted",
        "kpis/regional_revenue.sql",
        "sum(case when owned.customer_id is null then owned.number_count else 1 end)",
        "count(owned.customer_id)",
        "kpis/test_reconcile.py::test_the_sample_agrees",
    ),
    Bug(
        "the first top_n are taken before they are sorted",
        "kpis/top_spenders.sql",
        "    group by coalesce(sales.customer_id, present.customer_id)\n",
        "    group by coalesce(sales.customer_id, present.customer_id) limit :top_n\n",
        "kpis/test_engines.py::test_dask_adds_up_over_many_files_of_many_months",
    ),
    Bug(
        "a difference between engines is masked by rounding",
        "kpis/reconcile.py",
        "for column, a, b in pairs if a != b]",
        "for column, a, b in pairs if str(a)[:-1] != str(b)[:-1]]",
        "kpis/test_reconcile.py::test_a_difference_of_a_paisa_is_shown_with_both_values",
    ),
    Bug(
        "a delivery is compared with those behind it, too",
        "validate/drift.py",
        "deliveries[max(0, place - COMPARED) : place]",
        "[other for other in deliveries if other is not one]",
        "validate/test_drift.py::test_no_more_than_thirty_are_compared",
    ),
    Bug(
        "forms are counted by texts instead of records",
        "validate/forms.py",
        "np.bincount(encoded.indices.to_numpy(), counts, ",
        "np.bincount(encoded.indices.to_numpy(), counts > 0, ",
        "validate/test_profiling.py::test_the_orders_of_the_sample_by_hand",
    ),
    Bug(
        "a warning stops the run",
        "validate/gate.py",
        """verdicts[~verdicts["success"] & (verdicts["severity"] == "critical")]""",
        """verdicts[~verdicts["success"]]""",
        "validate/test_gate.py::test_a_warning_stops_nothing_and_is_kept_with_what_it_warns_of",
    ),
    Bug(
        "all rows of a delivery are due, replaced or not",
        "publish/brought.py",
        "len(ids) - replaced",
        "len(ids)",
        "publish/test_brought.py::test_what_a_later_delivery_replaces_is_not_due",
    ),
    Bug(
        "paise are written through a float",
        "kpis/results.py",
        """return f"{'-' if paise < 0 else ''}{whole}.{rest:02d}\"""",
        'return f"{paise / 100:.2f}"',
        "kpis/test_results.py::test_any_text_amount_and_date_survive",
    ),
    Bug(
        "a file that a worker refuses is staged by halves",
        "ingest/on_worker.py",
        "with files.atomic(there) as part:",
        "for part in [there]:",
        "ingest/test_on_cluster.py::test_what_is_good_and_what_is_refused_is_as_it_is_here",
    ),
    Bug(
        "what a worker wrote to a disk of its own counts as staged",
        "ingest/on_cluster.py",
        "if footer is None:",
        "if not there:",
        "ingest/test_on_cluster.py::test_a_worker_that_writes_to_a_disk_of_its_own_says_so",
    ),
]


def tried(package_root, tests):
    """Run tests on the package that lies there, in a process of its own, without pytest's plugins."""
    pytest_alone = ["-m", "pytest", "-o", "addopts=--import-mode=importlib", "-p", "no:cacheprovider"]
    environment = {
        "PYTHONPATH": str(package_root),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "HYPOTHESIS_PROFILE": "unshrunk",
    }
    return subprocess.run(
        # -P: the package of the current folder does not come first
        [sys.executable, "-P", *pytest_alone, "-q", "-x", "--tb=line", *(f"tests/{test}" for test in tests)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_each_bug_stands_at_one_place():
    counts = {bug.name: (PACKAGE / bug.file).read_text("utf-8").count(bug.text) for bug in BUGS}
    assert {name: count for name, count in counts.items() if count != 1} == {}


@pytest.mark.long
def test_unharmed_all_of_these_tests_pass():
    result = tried(ROOT, sorted({bug.caught_by for bug in BUGS}))
    assert result.returncode == 0, result.stdout


@pytest.mark.long
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_it_is_caught(bug, tmp_path, record_property):
    package = tmp_path / "akasa"
    shutil.copytree(PACKAGE, package)
    file = package / bug.file
    file.write_text(file.read_text("utf-8").replace(bug.text, bug.instead), "utf-8")
    result = tried(tmp_path, [bug.caught_by])
    assert result.returncode == 1, f"{bug.caught_by} does not see it\n{result.stdout}{result.stderr}"
    assert re.search(r"^1 failed", result.stdout, re.MULTILINE), result.stdout
    record_property("caught", f"{bug.name}  →  {bug.caught_by}")
