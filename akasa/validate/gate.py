"""The audit between writing and publishing: Great Expectations suites on the accepted tables, and Data Docs.

Row rules (`rules`) decide about single records; these suites judge the tables that they leave.
"""

import json
import os
import tempfile
import warnings
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from akasa.validate import cleaning
from akasa.validate.data_docs import put
from akasa.workspace import clock, files, masking
from akasa.workspace.listing import Listing
from akasa.workspace.tables import LONGEST_TEXT

Suite = list[tuple[str, dict[str, Any]]]

_TEXT: dict[str, Any] = {"min_value": 1, "max_value": LONGEST_TEXT}
_VERDICT = ["table", "expectation", "column", "success", "unexpected"]
_VERDICTS = "verdicts.json"
_WEIGHED = {"records": "rejected", "lines": "rejected_lines"}
_ID_LENGTH = "expect_column_value_lengths_to_be_between"


def suites() -> dict[str, Suite]:
    """Return table → what its rows have to hold: an expectation's name and its arguments."""
    mobile = {"column": "mobile_number", "regex": f"^{cleaning.NATIONAL_NUMBER}$"}
    return {
        "customers": [
            ("expect_column_values_to_be_unique", {"column": "customer_id"}),
            ("expect_column_values_to_not_be_null", {"column": "customer_id"}),
            (_ID_LENGTH, {"column": "customer_id", **_TEXT}),
            ("expect_column_values_to_not_be_null", {"column": "customer_name"}),
            ("expect_column_values_to_not_be_null", {"column": "mobile_number"}),
            ("expect_column_values_to_match_regex", mobile),
            ("expect_column_values_to_not_be_null", {"column": "region"}),
        ],
        "orders": [
            ("expect_column_values_to_be_unique", {"column": "order_id"}),
            ("expect_column_values_to_not_be_null", {"column": "order_id"}),
            (_ID_LENGTH, {"column": "order_id", **_TEXT}),
            ("expect_column_values_to_not_be_null", {"column": "mobile_number"}),
            ("expect_column_values_to_match_regex", mobile),
            ("expect_column_values_to_not_be_null", {"column": "order_date_time"}),
            ("expect_column_values_to_not_be_null", {"column": "total_amount_paise"}),
            ("expect_column_values_to_be_between", {"column": "total_amount_paise", "min_value": 0}),
        ],
        "order_items": [
            ("expect_compound_columns_to_be_unique", {"column_list": ["order_id", "sku_id"]}),
            ("expect_column_values_to_not_be_null", {"column": "order_id"}),
            ("expect_column_values_to_not_be_null", {"column": "sku_id"}),
            (_ID_LENGTH, {"column": "sku_id", **_TEXT}),
            ("expect_column_values_to_be_between", {"column": "sku_count", "min_value": 1}),
        ],
        "holdings": [
            ("expect_compound_columns_to_be_unique", {"column_list": ["mobile_number", "from_day"]}),
            ("expect_column_values_to_match_regex", mobile),
            ("expect_column_values_to_not_be_null", {"column": "customer_id"}),
            ("expect_column_values_to_not_be_null", {"column": "from_day"}),
            (
                "expect_column_pair_values_a_to_be_greater_than_b",
                {"column_A": "until_day", "column_B": "from_day", "ignore_row_if": "either_value_is_missing"},
            ),
        ],
    }


class GateStopped(RuntimeError):
    """The audit before publishing failed; nothing of the run was published."""


def audit(
    tables: Mapping[str, pd.DataFrame], data_docs: Path | None = None, mask: bool = False
) -> pd.DataFrame:
    """Run each table's suite as a checkpoint, write Data Docs to the folder, if any, return the verdicts.

    `mask` hides mobile numbers in those pages, which name some of the rows that break an expectation.

    Tables without rows are passed over; without any rows, earlier Data Docs stay as they are.

    One row an expectation: table, expectation, column, success, unexpected (rows, 0 where all hold).
    """
    tables = {name: frame for name, frame in tables.items() if len(frame)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        results = _run_checkpoints(tables, data_docs, mask) if tables else {}
    found = Listing(
        [_verdict(table, outcome) for table, result in results.items() for outcome in result.results],
        columns=_VERDICT,
    )
    if data_docs and results:
        files.write_text(data_docs / _VERDICTS, found.to_json(orient="records", indent=1) + "\n")
    return found


def verdicts_of(data_docs: Path) -> pd.DataFrame:
    """Return the verdicts that stand beside Data Docs, as `audit` returned them, if any do."""
    file = data_docs / _VERDICTS
    return pd.DataFrame(json.loads(file.read_text("utf-8")) if file.exists() else [], columns=_VERDICT)


def require_success(verdicts: pd.DataFrame) -> None:
    """Raise GateStopped that lists every expectation that does not hold."""
    failed = verdicts[~verdicts["success"]]
    if len(failed):
        broken = [
            f"{r.table}.{r.column}: {r.expectation} ({r.unexpected:,} rows)" for r in failed.itertuples()
        ]
        raise GateStopped("the audit failed, nothing was published: " + "; ".join(broken))


def require_few_rejected(counts: pd.DataFrame, max_reject_ratio: float) -> None:
    """Raise GateStopped for deliveries with a larger share of rejected records, or lines, than is allowed.

    `counts` has one row a delivery: delivery, status, records, rejected, and lines and rejected_lines where
    they differ from those. One that comes again was let through before, and is not stopped for its old
    records.
    """
    counts = counts[counts["status"] != "again"]
    allowed = Decimal(str(max_reject_ratio))  # a float's 0.29 * 100 is less than 29
    weighed = [(what, of) for what, of in _WEIGHED.items() if what in counts]
    shares = [
        f"{one['delivery']}: {one[of]:,} of {one[what]:,} {what} were rejected "
        f"({one[of] / one[what]:.1%}, more than {max_reject_ratio:.1%})"
        for one in counts.to_dict("records")
        for what, of in weighed
        if one[of] > allowed * one[what]
    ]
    if shares:
        way_out = "See data/rejects/unpublished/; mend the delivery, or raise MAX_REJECT_RATIO"
        raise GateStopped("; ".join(shares) + f". Nothing was published. {way_out}.")


def _run_checkpoints(
    tables: Mapping[str, pd.DataFrame], data_docs: Path | None, mask: bool
) -> dict[str, Any]:
    """Run one checkpoint a table in one throw-away context; copy its Data Docs out."""
    import great_expectations as gx
    from great_expectations.checkpoint.actions import UpdateDataDocsAction
    from great_expectations.core.run_identifier import RunIdentifier

    with tempfile.TemporaryDirectory() as site:
        context = gx.get_context(mode="ephemeral")
        quiet: Any = {"globally": False}
        context.variables.progress_bars = quiet
        # Without this, the pages are written twice: once to a folder that nobody asked for.
        context.delete_data_docs_site("local_site")
        store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": site}
        index = {"class_name": "DefaultSiteIndexBuilder"}
        pages: Any = {"class_name": "SiteBuilder", "store_backend": store, "site_index_builder": index}
        pages["show_how_to_buttons"] = False
        context.add_data_docs_site("data_docs", pages)
        source = context.data_sources.add_pandas("accepted")
        results, run_time = {}, clock.now()
        run_id = RunIdentifier(run_time=run_time)
        for name, frame in tables.items():
            batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all rows")
            suite = context.suites.add(_suite(name))
            definition = gx.ValidationDefinition(name=name, data=batch, suite=suite)
            context.validation_definitions.add(definition)
            docs = UpdateDataDocsAction(name="data_docs", site_names=["data_docs"])
            checkpoint = gx.Checkpoint(name=name, validation_definitions=[definition], actions=[docs])
            run = context.checkpoints.add(checkpoint).run({"dataframe": frame}, run_id=run_id)
            (results[name],) = run.run_results.values()
        if data_docs:
            put(Path(site), data_docs, run_time, masking.text if mask else str)
    return results


def _suite(name: str) -> Any:
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    suite = gx.ExpectationSuite(name=name)
    for expectation, arguments in suites()[name]:
        suite.add_expectation_configuration(ExpectationConfiguration(type=expectation, kwargs=arguments))
    return suite


def _verdict(table: str, outcome: Any) -> tuple[str, str, str, bool, int]:
    config = outcome.expectation_config
    named = config.kwargs
    pair = [named[side] for side in ("column_A", "column_B") if side in named]
    column = named.get("column") or ", ".join(named.get("column_list", pair))
    unexpected = outcome.result.get("unexpected_count", 0)
    return table, config.type, column, bool(outcome.success), int(unexpected)
