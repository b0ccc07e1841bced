"""A round: verdicts on a fleet whose fate is known, the same wherever it runs."""

from __future__ import annotations

import json
from concurrent.futures import Executor

import pytest
from drift_fleet import BEGINS, ENDS, PUMP, STUCK, VERDICTS, WELL, WORN, Fleet, make_fleet

from smart_sentry.drift_monitoring.fleet import assets_by_type, watch_fleet
from smart_sentry.drift_monitoring.processes import executor
from smart_sentry.drift_monitoring.round import ROUND_ASSETS, AssetDrift, rounds_of, watch_round
from smart_sentry.errors import ConfigurationError, UnknownAsset

NOW = ENDS + 60.0


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return make_fleet(tmp_path_factory.mktemp("fleet"))


@pytest.fixture(scope="module")
def found(fleet: Fleet) -> dict[str, AssetDrift]:
    with executor(1) as pool:
        drifts = look(fleet, pool)
    return {one.finding.asset_id: one for one in drifts}


def look(fleet: Fleet, pool: Executor) -> list[AssetDrift]:
    return watch_fleet(pool, fleet.source, PUMP, sorted(VERDICTS), 24.0, NOW)


def test_every_asset_gets_the_verdict_on_what_befell_it(found: dict[str, AssetDrift]) -> None:
    assert {name: one.finding.verdict for name, one in found.items()} == VERDICTS
    assert [name for name, one in found.items() if one.finding.may_recalibrate] == ["pump mended"]


def test_finding_carries_its_window_its_share_and_evidence_in_plain_json(found: dict[str, AssetDrift]) -> None:
    its = found[WORN].finding
    assert (its.time, its.recent_start, its.recent_end) == (NOW, BEGINS, ENDS)
    assert its.drift_share == 1.0
    assert found[WELL[0]].finding.drift_share == 0.0
    for one in found.values():
        json.dumps([dict(piece) for piece in one.finding.evidence], allow_nan=False)
    assert any("2026-01-01 00:" in str(piece["sentence"]) for piece in found[STUCK].finding.evidence)


def test_quality_tells_a_stuck_signal_by_its_longest_run(found: dict[str, AssetDrift]) -> None:
    assert found[STUCK].quality["vibration_g"].longest_run == 2100
    assert found[WELL[0]].quality["vibration_g"].missing == 0.0


@pytest.mark.parametrize("where", ["processes", pytest.param("dask", marks=pytest.mark.long)])
def test_results_are_the_same_in_processes_and_on_dask_as_in_one_process(
    fleet: Fleet, found: dict[str, AssetDrift], where: str
) -> None:
    if where == "processes":
        with executor(2) as pool:
            other = look(fleet, pool)
    else:
        from distributed import LocalCluster

        with (
            LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,  # type: ignore[no-untyped-call]
            executor(2, cluster.scheduler_address) as pool,
        ):
            other = look(fleet, pool)
    assert [one.finding for one in other] == [one.finding for one in found.values()]
    assert [one.columns for one in other] == [one.columns for one in found.values()]


def test_one_asset_is_judged_beside_the_same_neighbours_as_in_a_whole_round(
    fleet: Fleet, found: dict[str, AssetDrift]
) -> None:
    (alone,) = watch_round(fleet.source, PUMP, sorted(VERDICTS), 24.0, NOW, [WORN])
    assert alone.finding == found[WORN].finding


def test_an_asset_without_a_baseline_is_skipped_and_costs_the_others_nothing(
    fleet: Fleet, found: dict[str, AssetDrift]
) -> None:
    drifts = watch_round(fleet.source, PUMP, ["nobody", *sorted(VERDICTS)], 24.0, NOW)
    assert drifts[0].finding.verdict == "skipped"
    assert not drifts[0].finding.may_recalibrate
    assert [one.finding.verdict for one in drifts[1:]] == [one.finding.verdict for one in found.values()]


def test_rounds_hold_every_asset_once_and_no_more_than_allowed() -> None:
    assets = [f"{number:03d}" for number in range(2 * ROUND_ASSETS + 1)]
    rounds = rounds_of(assets[::-1])
    assert [name for part in rounds for name in part] == assets
    assert max(map(len, rounds)) <= ROUND_ASSETS
    assert rounds_of(assets, ["030"]) == [part for part in rounds if "030" in part]
    assert rounds_of([]) == []


def test_assets_are_found_by_type_and_an_unknown_name_is_refused(fleet: Fleet) -> None:
    with fleet.store.view() as batch:
        assert assets_by_type(batch, {"pump": PUMP}) == {"pump": sorted(VERDICTS)}
        assert assets_by_type(batch, {"pump": PUMP}, asset_id=WORN) == {"pump": sorted(VERDICTS)}
        with pytest.raises(ConfigurationError, match="expected one of pump"):
            assets_by_type(batch, {"pump": PUMP}, "fan")
        with pytest.raises(UnknownAsset):
            assets_by_type(batch, {"pump": PUMP}, asset_id="fan 1")
