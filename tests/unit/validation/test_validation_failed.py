from pathlib import Path

from smart_sentry.errors import Finding, SmartSentryError, ValidationFailed


def finding(number: int, rows: tuple[dict[str, object], ...] = ()) -> Finding:
    return Finding("range", (f"sensor_{number}",), "1 of 9 values outside [0, 1] g", rows, "Correct it.", "train")


def test_validation_failed_tells_rule_columns_first_row_and_remedy():
    row = {"row": 4, "asset_id": 2, "cycle": 4, "sensor_1": 7.5}
    error = ValidationFailed("FD001", "train", [finding(1, (row,))], Path("docs/index.html"))
    assert str(error) == (
        "FD001 train: the data break their contract in 1 finding.\n"
        "1. [train] range on sensor_1: 1 of 9 values outside [0, 1] g. "
        "Rows: row 4, asset_id 2, cycle 4, sensor_1 7.5. Correct it.\n"
        "Data Docs: docs/index.html"
    )
    assert isinstance(error, SmartSentryError)


def test_validation_failed_with_seven_findings_shows_five_and_counts_the_rest():
    error = ValidationFailed("FD001", "train", [finding(number) for number in range(1, 8)], Path("index.html"))
    lines = str(error).splitlines()
    assert lines[0].endswith("in 7 findings.")
    assert [line.split(":")[0] for line in lines[1:6]] == [f"{n}. [train] range on sensor_{n}" for n in range(1, 6)]
    assert lines[6:] == ["... and 2 more.", "Data Docs: index.html"]
    assert len(error.findings) == 7


def test_finding_about_the_whole_table_names_no_column():
    assert Finding("row_count", (), "expected 5 rows, found 3", (), "Bring it again.").sentence() == (
        "row_count: expected 5 rows, found 3. Bring it again."
    )
