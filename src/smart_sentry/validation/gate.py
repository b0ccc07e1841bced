"""The gate: no data set goes on while a table of it breaks its contract."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from smart_sentry.assets import ASSET_COLUMN, RUL_COLUMN
from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.errors import ValidationFailed
from smart_sentry.validation.contract import PHASE_COLUMN, Contract, PinnedCounts, readings_contract, truth_contract
from smart_sentry.validation.report import ValidationReport


def validate(
    dataset: RunToFailure, data_docs_folder: Path, pinned_counts: PinnedCounts | None = None
) -> ValidationReport:
    """Holds train, test and, where it is known, the truth of a data set against their contracts.

    Args:
        dataset: the readings.
        data_docs_folder: Data Docs are written to `gx/data_docs/index.html` under it, and nothing anywhere else.
        pinned_counts: rows and assets of "train" and "test" where the data set pins them.

    Returns:
        The report of a data set that keeps its contract.

    Raises:
        ValidationFailed: a rule is broken; it carries every finding. Data Docs are written all the same.
    """
    pinned, kind = pinned_counts or {}, dataset.asset_type
    phases = PHASE_COLUMN in dataset.train.columns
    tables = [
        (readings_contract(kind, dataset.name, split, pinned.get(split), phases), readings)
        for split, readings in (("train", dataset.train), ("test", dataset.test))
    ]
    if dataset.test_final_rul_cycles is not None:
        expected = pinned["test"].assets if "test" in pinned else None
        assets = (
            range(1, expected + 1) if expected else dataset.test.get(ASSET_COLUMN, pd.Series(dtype="int64")).dropna()
        )
        tables.append((truth_contract(kind, dataset.name, assets), truth_table(dataset.test_final_rul_cycles)))
    return _check(dataset.name, tables, data_docs_folder)


def validate_table(readings: pd.DataFrame, contract: Contract, data_docs_folder: Path) -> ValidationReport:
    """Holds one table against its contract; otherwise like `validate`."""
    return _check(contract.dataset, [(contract, readings)], data_docs_folder)


def truth_table(final_rul_cycles: pd.Series) -> pd.DataFrame:
    """The remaining life at each test asset's last row as a table of asset_id and rul_cycles."""
    return final_rul_cycles.rename(RUL_COLUMN).rename_axis(ASSET_COLUMN).reset_index()


def _check(dataset: str, tables: list[tuple[Contract, pd.DataFrame]], folder: Path) -> ValidationReport:
    from smart_sentry.validation.expectations import Table, check_tables  # takes 10 to 15 s

    report = check_tables(dataset, [Table(contract, readings) for contract, readings in tables], folder)
    if not report.success:
        splits = list(dict.fromkeys(finding.split for finding in report.findings))
        raise ValidationFailed(dataset, " and ".join(splits), report.findings, report.data_docs_index)
    return report
