"""The audit between writing and publishing: Great Expectations' suites on the accepted tables.

Row rules (`rules`) decide about single records; these suites judge the tables that they leave.
"""

import gc
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from typing import Any

import pandas as pd

from akasa.ingest import repairs
from akasa.validate import audits
from akasa.validate.audits import Audit, Finding
from akasa.validate.suites import KEYS, Check, suites
from akasa.workspace import clock
from akasa.workspace.listing import Listing
from akasa.workspace.rows import Rows, Table, give_back, parts
from akasa.workspace.settings import Settings

MOST_EXAMPLES = 20
_VERDICT = ["table", "expectation", "column", "severity", "success", "unexpected"]
_WEIGHED = {"records": "rejected", "lines": "rejected_lines"}


class GateStopped(RuntimeError):
    """The audit before publishing failed; nothing of the run was published."""


def audit(
    tables: Mapping[str, Table], settings: Settings | None = None, deliveries: Sequence[str] = ()
) -> pd.DataFrame:
    """Run each table's suite, keep what was found where there are settings, return the verdicts.

    One of the tables may be `suites.DELIVERIES`, which has a row a delivery. `deliveries` are those whose
    rows are in the tables; none: all that is published.
    Tables without rows are passed over; without any rows, nothing is kept.

    One row an expectation: table, expectation, column, severity, success, unexpected (rows, 0 where all
    hold).
    """
    tables = {name: table for name, table in tables.items() if len(table)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        found = _findings(tables, suites(settings)) if tables else []
    if any(isinstance(table, Rows) for table in tables.values()):
        gc.collect()  # what was made for that refers to itself in rings, and to rows
        give_back()
    if settings and found:
        rows = {name: len(frame) for name, frame in tables.items()}
        made = Audit(clock.now(), tuple(deliveries), settings.max_reject_ratio, rows, tuple(found))
        audits.keep(settings, replace(made, max_replaced_ratio=settings.max_replaced_ratio))
    return verdicts(found)


def verdicts(findings: Sequence[Finding]) -> pd.DataFrame:
    """Return one row an expectation: table, expectation, column, severity, success, unexpected."""
    rows = [
        (f.table, f.expectation, ", ".join(f.columns), f.severity, f.success, f.unexpected) for f in findings
    ]
    return Listing(rows, columns=_VERDICT)


def require_success(verdicts: pd.DataFrame) -> None:
    """Raise GateStopped that lists every critical expectation that does not hold."""
    failed = verdicts[~verdicts["success"] & (verdicts["severity"] == "critical")]
    if len(failed):
        broken = [
            f"{r.table}.{r.column}: {r.expectation} ({r.unexpected:,} rows)" for r in failed.itertuples()
        ]
        raise GateStopped("the audit failed, nothing was published: " + "; ".join(broken))


def require_few_rejected(counts: pd.DataFrame, max_reject_ratio: float) -> None:
    """Raise GateStopped for deliveries with a larger share of rejected records, or lines, than is allowed.

    `counts` has one row a delivery: delivery, status, records, rejected, and lines and rejected_lines where
    they differ from those. One that comes again was let through before, and is not stopped for its old
    records; nor is a repair for those that it does not mend, which were turned away before.
    """
    counts = counts[counts["status"] != "again"]
    counts = counts.loc[[repairs.repaired(name) is None for name in counts["delivery"]]]
    allowed = Decimal(str(max_reject_ratio))  # a float's 0.29 * 100 is less than 29
    weighed = [(what, of) for what, of in _WEIGHED.items() if what in counts]
    broken = [
        (one["delivery"], one[of], one[what], what)
        for one in counts.to_dict("records")
        for what, of in weighed
        if one[of] > allowed * one[what]
    ]
    if broken:
        shares = [
            f"{name}: {part:,} of {whole:,} {what} were rejected "
            f"({part / whole:.1%}, more than {max_reject_ratio:.1%})"
            for name, part, whole, what in broken
        ]
        enough = max(_enough(part, whole) for _, part, whole, _ in broken)
        raise GateStopped(
            f"{'; '.join(shares)}. Nothing was published. See data/rejects/unpublished/; mend the delivery, "
            f"or set MAX_REJECT_RATIO={enough} to let it through."
        )


def _enough(part: int, whole: int) -> Decimal:
    """Return the least ratio, in hundredths, that lets such a part pass.

    >>> _enough(1, 3), _enough(1, 2)
    (Decimal('0.34'), Decimal('0.50'))
    """
    return (Decimal(int(part)) / int(whole)).quantize(Decimal("0.01"), ROUND_CEILING)


def _findings(tables: Mapping[str, Table], asked_of: Mapping[str, list[Check]]) -> list[Finding]:
    """Validate each table in one throw-away context."""
    import great_expectations as gx
    from great_expectations.execution_engine import pandas_execution_engine

    # A batch up to that size is hashed, which takes as long as all checks together; nobody reads the hash.
    pandas_execution_engine.HASH_THRESHOLD = 0
    context = gx.get_context(mode="ephemeral")
    quiet: Any = {"globally": False}
    context.variables.progress_bars = quiet
    # Pages are written by `data_docs`; without this, others are, to a folder that nobody asked for.
    context.delete_data_docs_site("local_site")
    source = context.data_sources.add_pandas("accepted")
    found = []
    for name, table in tables.items():
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all rows")
        checks = asked_of[name]
        definition = context.validation_definitions.add(
            gx.ValidationDefinition(name=name, data=batch, suite=context.suites.add(_suite(name, checks)))
        )
        asked = {_key(check.expectation, check.arguments): check for check in checks}
        of_parts = [_of_part(definition, name, part, asked) for part in parts(table)]
        found += [_together(findings) for findings in zip(*of_parts, strict=True)]
    context.data_sources.delete("accepted")  # for the context stays, and with it the last part of each table
    return found


def _of_part(definition: Any, name: str, part: pd.DataFrame, asked: Mapping[str, Check]) -> list[Finding]:
    """Validate a part of a table, in the order of what is asked. (No key stands in two parts.)"""
    frame = part.reset_index(drop=True)
    rows = {"dataframe": frame[_asked(frame, [*asked.values()])]}
    found = {}
    for outcome in _outcomes(definition, rows):
        config: Any = outcome.expectation_config
        key = _key(config.type, config.kwargs)
        found[key] = _finding(name, frame, asked[key], outcome)
    return list(found.values())


def _outcomes(definition: Any, rows: Mapping[str, Any]) -> Any:
    """Ask whether all of it holds, and only where it does not, how many rows are against it, and which."""
    told = definition.run(batch_parameters=rows, result_format="BOOLEAN_ONLY")
    return told.results if told.success else definition.run(batch_parameters=rows).results


def _together(findings: Sequence[Finding]) -> Finding:
    """Return what was found of a check in all parts of a table."""
    examples = tuple(example for one in findings for example in one.examples)[:MOST_EXAMPLES]
    return replace(
        findings[0],
        success=all(one.success for one in findings),
        unexpected=sum(one.unexpected for one in findings),
        examples=examples,
        error=next((one.error for one in findings if one.error), ""),
    )


def _asked(frame: pd.DataFrame, checks: Sequence[Check]) -> list[str]:
    """Return the columns that are asked about: a check of one column takes its rows with all others."""
    wanted = {column for one in checks for column in one.columns}
    return [name for name in frame if name in wanted]


def _suite(name: str, checks: Sequence[Check]) -> Any:
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.metadata_types import FailureSeverity

    suite = gx.ExpectationSuite(name=name)
    for one in checks:
        arguments, severity = dict(one.arguments), FailureSeverity(one.severity)
        config = ExpectationConfiguration(type=one.expectation, kwargs=arguments, severity=severity)
        suite.add_expectation_configuration(config)
    return suite


def _key(expectation: str, arguments: Mapping[str, Any]) -> str:
    """Return what tells a check of a table from the others, since results come in an order of their own."""
    named = ("column", "column_list", "column_A", "column_B")
    return repr((expectation, [arguments.get(name) for name in named]))


def _finding(table: str, frame: pd.DataFrame, check: Check, outcome: Any) -> Finding:
    result = outcome.result
    shown = tuple(name for name in dict.fromkeys((*KEYS[table], *check.columns)) if name in frame)
    broken = frame.loc[result.get("partial_unexpected_index_list") or [], [*shown]].head(MOST_EXAMPLES)
    return Finding(
        table,
        check.expectation,
        check.columns,
        check.words,
        check.protects,
        check.reasons,
        bool(outcome.success),
        int(result.get("unexpected_count", 0)),
        shown,
        tuple(tuple(map(_text, row)) for row in broken.itertuples(index=False)),
        _error(outcome.exception_info),
        outcome.expectation_config.severity.value,
    )


def _text(value: Any) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value.isoformat(" ").removesuffix(" 00:00:00") if isinstance(value, pd.Timestamp) else str(value)


def _error(told: Any) -> str:
    """Return what GX says of a check that it could not ask; that comes by check, or by metric."""
    if not isinstance(told, Mapping):
        return ""
    if told.get("raised_exception"):
        return str(told.get("exception_message") or "the check could not be asked")
    return next((error for one in told.values() if (error := _error(one))), "")
