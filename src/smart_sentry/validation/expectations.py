"""The adapter of Great Expectations: the only file that imports it.

A contract becomes an expectation suite, the suite judges a table, and what fails goes back to the contract's rules to be
worded. Importing this module takes Great Expectations' 10 to 15 s, so it is imported where a validation starts.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from smart_sentry.errors import Finding
from smart_sentry.validation.contract import Contract, Rule, can_be_checked
from smart_sentry.validation.data_docs import index_page, without_network
from smart_sentry.validation.report import SuiteOutcome, ValidationReport
from smart_sentry.validation.sequence_rules import Contiguous, NoGap, Rising, cycle_steps
from smart_sentry.validation.stuck_signals import StuckSignal, stuck_signals
from smart_sentry.validation.suite import RULE, expectation_configurations
from smart_sentry.validation.value_rules import DistinctValues

os.environ["GX_ANALYTICS_ENABLED"] = (
    "false"  # earlier releases read it at import; 1.24 sends nothing while it validates
)
with warnings.catch_warnings():  # leaving it undoes GX's logging.captureWarnings(True), which hides everyone's warnings
    warnings.filterwarnings("ignore", "module 'sre_(constants|parse)' is deprecated", DeprecationWarning)
    import great_expectations as gx
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.data_context.data_context.file_data_context import FileDataContext
    from great_expectations.data_context.types.base import ProgressBarsConfig

CONTEXT = "gx"
"""Subfolder that holds the suites, the results and the pages."""
SITE = "data_docs"

Result = tuple[Rule, ExpectationValidationResult]


@dataclass(frozen=True)
class Table:
    """A table and what must hold for it."""

    contract: Contract
    readings: pd.DataFrame


@dataclass(frozen=True)
class _Checked:
    outcomes: tuple[SuiteOutcome, ...]
    findings: tuple[Finding, ...]
    constant_signals: tuple[str, ...]
    stuck_signals: tuple[StuckSignal, ...]


def check_tables(dataset: str, tables: Sequence[Table], folder: Path) -> ValidationReport:
    """Holds tables against their contracts and builds Data Docs about it.

    Args:
        dataset: the data set's name.
        tables: its tables.
        folder: where the subfolder `gx` is written: suites, results and the HTML pages. It replaces the one of an earlier
            run as a whole. Nothing is written anywhere else.

    Returns:
        The outcome, also where rules are broken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=folder, prefix=f".{CONTEXT}-"))
    building.chmod(0o755)  # a web server may show it
    try:
        context = _file_context(building)
        checked = [_check(context, table) for table in tables]
        context.build_data_docs()
        report = ValidationReport(
            dataset=dataset,
            suites=tuple(outcome for part in checked for outcome in part.outcomes),
            findings=tuple(finding for part in checked for finding in part.findings),
            constant_signals={
                table.contract.split: part.constant_signals
                for table, part in zip(tables, checked, strict=True)
                if table.contract.reported_signals
            },
            stuck_signals=tuple(stuck for part in checked for stuck in part.stuck_signals),
            data_docs_index=folder / CONTEXT / SITE / "index.html",
        )
        _finish_site(building / SITE, report)
        shutil.rmtree(folder / CONTEXT, ignore_errors=True)
        building.replace(folder / CONTEXT)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return report


def _file_context(folder: Path) -> FileDataContext:
    context = gx.get_context(mode="file", context_root_dir=folder)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    context.enable_analytics(False)
    context.update_data_docs_site(
        "local_site",
        {
            "class_name": "SiteBuilder",
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": f"{SITE}/"},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    return context


def _check(context: FileDataContext, table: Table) -> _Checked:
    """Runs one table's suite, and a second one over `cycle_steps` where asset_id and cycle allow it."""
    readings, contract = table.readings.reset_index(drop=True), table.contract
    rules = [rule for rule in contract.rules if can_be_checked(rule, readings)]
    of_steps: list[Rule] = [rule for rule in rules if isinstance(rule, NoGap | Rising | Contiguous)]
    runs = [(contract.suite_name, [rule for rule in rules if rule not in of_steps], readings)]
    if of_steps:
        runs.append((f"{contract.suite_name}_cycles", of_steps, cycle_steps(readings)))
    outcomes, findings, constant = [], [], []
    for suite, judged, batch in runs:
        results = _run_suite(context, suite, judged, batch)
        outcomes.append(SuiteOutcome(suite, len(results), sum(not result.success for _, result in results)))
        findings += _findings(results, readings)
        constant += [rule.columns[0] for rule, result in results if _is_constant(rule, result)]
    named = tuple(replace(finding, split=contract.split) for finding in findings)
    sound = [rule.column for rule in rules if isinstance(rule, DistinctValues)]
    stuck = stuck_signals(readings, sound, contract.split) if of_steps and sound else ()
    return _Checked(tuple(outcomes), named, tuple(constant), stuck)


def _run_suite(context: FileDataContext, name: str, rules: Sequence[Rule], batch: pd.DataFrame) -> list[Result]:
    """Each expectation's result with its rule, in the order of the rules."""
    suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectation_configurations(rules)))
    table = context.data_sources.add_pandas(name).add_dataframe_asset(name)
    rows = table.add_batch_definition_whole_dataframe("all rows")
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=rows, suite=suite))
    numbered = batch.set_axis(batch.index + 1, axis="index")  # the Data Docs then name rows as the findings do
    outcome = definition.run(batch_parameters={"dataframe": numbered}, result_format="COMPLETE")
    results = [
        (result.expectation_config.meta[RULE], result) for result in outcome.results if result.expectation_config
    ]
    return [(rules[position], result) for position, result in sorted(results, key=lambda pair: pair[0])]


def _findings(results: Sequence[Result], readings: pd.DataFrame) -> list[Finding]:
    """One explanation for each broken rule, though several expectations may say it."""
    found: dict[Rule, tuple[Finding, ...]] = {}
    for rule, result in results:
        if result.success or rule in found:
            continue
        trouble = _failure_to_run(result)
        if trouble:
            remedy = (
                "The check itself failed, so nothing is known of the data: report this with the table's first rows."
            )
            found[rule] = (Finding(rule.name, rule.columns, f"could not be checked: {trouble}", (), remedy),)
        else:
            rows = [int(row) - 1 for row in result.result.get("unexpected_index_list") or ()]
            found[rule] = rule.explain(readings, sorted(rows))
    return [finding for findings in found.values() for finding in findings]


def _failure_to_run(result: ExpectationValidationResult) -> str:
    """Why Great Expectations could not evaluate an expectation; empty where it could."""
    info = result.exception_info or {}
    parts = [info] if "raised_exception" in info else list(info.values())
    return "; ".join(str(part["exception_message"]) for part in parts if part["raised_exception"])


def _is_constant(rule: Rule, result: ExpectationValidationResult) -> bool:
    return isinstance(rule, DistinctValues) and result.result.get("observed_value") == 1


def _finish_site(site: Path, report: ValidationReport) -> None:
    for page in [*site.rglob("*.html"), *site.rglob("*.css")]:
        page.write_text(without_network(page.read_text(encoding="utf-8")), encoding="utf-8")
    (site / "index.html").write_text(index_page(report, site), encoding="utf-8")
