"""Pages of Evidently: made without a network, and whole."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import numpy as np
import pytest
from drift_fleet import ENDS, PUMP, WELL, WORN, make_fleet

from smart_sentry.drift_monitoring.distributions import column_drifts, write_report
from smart_sentry.drift_monitoring.reports import fleet_table, worth_a_report, write_asset_reports, write_fleet_reports
from smart_sentry.drift_monitoring.round import watch_round

NAMES = ("a", "b")


def columns(seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(500, 2)) + np.array([0.0, shift])


def test_page_needs_no_network_neither_to_be_written_nor_to_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    told = write_report(tmp_path / "page.html", NAMES, columns(1), columns(2, 3.0))
    assert (told["drift_share"], told["drifted_columns"]) == (0.5, 1.0)
    json.dumps(told, allow_nan=False)
    page = (tmp_path / "page.html").read_text()
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"']https?:", page)
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_column_without_numbers_is_left_out(tmp_path: Path) -> None:
    before, now = columns(1), columns(2)
    now[:, 1] = np.nan
    assert write_report(tmp_path / "page.html", NAMES, before, now)["drift_share"] == 0.0
    assert set(column_drifts(NAMES, before, now)) == {"a"}


def test_a_column_that_stands_still_drifts_only_to_another_value() -> None:
    before, now = np.ones((100, 2)), np.column_stack([np.ones(100), np.full(100, 2.0)])
    found = column_drifts(NAMES, before, now)
    assert (found["a"].drifted, found["b"].drifted) == (False, True)


def test_reports_of_a_fleet_name_who_moved(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    fleet = make_fleet(tmp_path / "home", (*WELL, WORN))
    assets = [*WELL, WORN]
    found = watch_round(fleet.source, PUMP, assets, 24.0, ENDS)
    assert worth_a_report(found, 5) == [WORN]
    pages = write_asset_reports(fleet.source, PUMP, WORN, 24.0, tmp_path / "round")
    assert [page.page.name for page in pages] == ["steady.html"]
    metrics = json.loads((pages[0].page.parent / "metrics.json").read_text())
    assert metrics["phases"]["steady"]["drift_share"] == pages[0].drift_share > 0.5
    together = write_fleet_reports(PUMP, found, tmp_path / "round")
    assert [page.subject for page in together] == ["pump: signals"]
    facts = json.loads((tmp_path / "round" / "pump.json").read_text())["assets"]
    assert [one["finding"]["verdict"] for one in facts] == ["none", "none", "degradation"]
    assert [row["verdict"] for row in fleet_table(found)] == ["none", "none", "degradation"]
