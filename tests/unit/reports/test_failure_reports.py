"""Reports of assets that a failure model judges: cycles instead of hours, and what is known of the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bundle_fixture import ASSET_TYPE
from plant_fixture import sqlite_in
from report_plant import pages_of
from tiny_project import tiny_histories

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN
from smart_sentry.bundle import Bundle
from smart_sentry.config import Settings
from smart_sentry.plant.incoming import Incoming
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.status import asset_status
from smart_sentry.reports.gather import gather
from smart_sentry.reports.pages import life_note, remaining_life
from smart_sentry.reports.reports import write_report
from smart_sentry.reports.source import ReportSource
from smart_sentry.stores.store import Store


@pytest.fixture
def plant(tmp_path: Path, packaged_bundle: Bundle) -> Plant:
    """One engine, flown until it fails."""
    opened = Plant(
        {ASSET_TYPE.name: ASSET_TYPE}, tmp_path / "models", Store(sqlite_in(tmp_path)), failure_model=packaged_bundle
    )
    table = tiny_histories()
    life = table[table[ASSET_COLUMN] == table[ASSET_COLUMN].iloc[0]]
    names = ASSET_TYPE.signal_names
    opened.take(
        [
            Incoming("engine", f"{row[CYCLE_COLUMN]:g}", 3600.0 * row[CYCLE_COLUMN],
                     {name: None if np.isnan(row[name]) else float(row[name]) for name in names})
            for row in life.to_dict("records")
        ],
        "http",
    )  # fmt: skip
    return opened


def pages(source: ReportSource, folder: Path, kind: str) -> list[str]:
    path = folder / f"{kind}.pdf"
    write_report(source, kind, "engine", path)
    return pages_of(path.read_bytes())


def test_report_tells_what_the_model_predicted(plant: Plant, packaged_bundle: Bundle, tmp_path: Path) -> None:
    told = asset_status(plant, "engine").prediction
    assert told is not None
    source = ReportSource.of_plant(plant, Settings(home=tmp_path))
    (first,) = pages(source, tmp_path, "executive")
    assert f"REMAINING LIFE {told.rul_cycles:,.0f} cycles" in first
    assert (
        f"{told.rul_lower_cycles:,.0f} to {told.rul_upper_cycles:,.0f}; a cycle is {ASSET_TYPE.cycle_meaning}" in first
    )
    five = pages(source, tmp_path, "industrial")
    assert len(five) == 5
    assert f"Probability of failure {told.failure_probability:.1%}" in five[0]
    assert f"Its interval (cycles) {told.rul_lower_cycles:,.0f} to {told.rul_upper_cycles:,.0f}" in five[3]
    assert packaged_bundle.checksum in five[4]
    assert packaged_bundle.manifest.data_version in five[4]


def test_a_remaining_life_at_the_cap_may_be_any_more(plant: Plant, tmp_path: Path) -> None:
    content = gather(ReportSource.of_plant(plant, Settings(home=tmp_path)), "engine")
    assert content.cap_cycles == ASSET_TYPE.failure.rul_cap_cycles
    assert "or more" not in remaining_life(content) + life_note(content)  # it has failed
    at_cap = replace(content, cap_cycles=0)
    assert remaining_life(at_cap).endswith(" cycles or more")
    assert " or more; a cycle is" in life_note(at_cap)


def test_figures_stay_when_the_model_is_gone_and_its_facts_are_said_to_be_missing(plant: Plant, tmp_path: Path) -> None:
    told = asset_status(plant, "engine").prediction
    assert told is not None
    settings = Settings(home=tmp_path)
    without = ReportSource(plant.store, plant.asset_types, plant.watches.models_folder, None, settings)
    (first,) = pages(without, tmp_path, "executive")
    assert f"REMAINING LIFE {told.rul_cycles:,.0f} cycles" in first
    assert "not available: it is not packaged any more" in pages(without, tmp_path, "industrial")[4]


def test_expected_cost_is_the_cost_of_a_failure_times_its_probability(plant: Plant, tmp_path: Path) -> None:
    told = asset_status(plant, "engine").prediction
    assert told is not None
    settings = Settings(
        home=tmp_path, cost_currency="USD", cost_downtime_hour=100, cost_planned_repair=10, cost_unplanned_repair=50_000,
        downtime_planned_hours=1, downtime_unplanned_hours=500,
    )  # fmt: skip
    page = pages(ReportSource.of_plant(plant, settings), tmp_path, "industrial")[3]
    assert f"is expected to cost {told.failure_probability * 100_000:,.0f} USD" in page
