"""What the pages say: key figures, signal cards, order of the fleet, alarm key figures, decisions; and that data stays text."""

from __future__ import annotations

import base64
import doctest
import importlib
import re
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from condition_sample import pump

from dashboard.acceptance import acceptance_figures, baseline_rows
from dashboard.alarm_kpis import AIMS, alarm_figures, priority_table
from dashboard.decisions import WAITING, check_rows, doubts, finding_rows, recalibration_rows
from dashboard.figures import attention, key_figures
from dashboard.fleet_table import ANY, COLUMNS, TREND_POINTS, chosen_assets, fleet_counts, fleet_table, trend
from dashboard.link import Link, LinkState
from dashboard.live_plant import LiveAsset
from dashboard.marks import RISKS
from dashboard.normal import Normal, cards_of, normal_signals
from dashboard.pieces import Kpi, banner, chip_cell, health_ring, kpi_row, signal_cards, sparkline, table
from dashboard.plots import Range, score_table, signal_chart, signal_table
from dashboard.rings import History
from dashboard.session import plain
from dashboard.times import Zone, zone_of
from dashboard.views.asset_files import history_csv
from smart_sentry.contracts.alarms import AlarmEvent, AlarmPriority, AlarmState
from smart_sentry.contracts.live import AlarmUpdate, AssetUpdate
from smart_sentry.contracts.monitoring import Prediction

UTC, TOKYO = Zone("UTC", "the plant's"), Zone("Asia/Tokyo", "this browser's")
EVIL = "<script>alert(1)</script>"
PUMP = pump()
STATUS: dict[str, Any] = {
    "system_state": "MONITORING", "health_uncertain": False, "maintenance_until": None,
    "health": 100.0, "remaining_life_hours": None, "prediction": None,
}  # fmt: skip


def update(name: str = "pump_0", **changes: Any) -> AssetUpdate:
    usual: dict[str, Any] = {
        "asset_id": name, "asset_type": "pump", "reading_id": None, "time": 1000.0, "received": None, "phase": "STEADY",
        "score": 0.5, "flag": False, "votes": 0, "health": 100.0, "risk": "LOW", "degradation": 0.0, "reason": "",
        "values": dict.fromkeys(PUMP.signal_names, 1.0),
    }  # fmt: skip
    return AssetUpdate(**(usual | changes))


def alarm(state: AlarmState, priority: AlarmPriority = AlarmPriority.LOW, asset: str = "pump_0") -> AlarmUpdate:
    return AlarmUpdate(
        alarm_id=f"{asset}:anomaly:1", asset_id=asset, key="anomaly", from_state=AlarmState.NORMAL, to_state=state,
        event=AlarmEvent.RAISED, time=1000.0, author="system", reason="", priority=priority, score=2.0,
    )  # fmt: skip


def live(its: AssetUpdate, *alarms: AlarmUpdate, age: float = 0.0, stale: bool = False) -> LiveAsset:
    return LiveAsset(its, alarms, age, stale)


def history(rows: int, *, flag: list[int] | None = None, phase: int = 2) -> History:
    flags = np.zeros(rows, np.bool_)
    flags[flag or []] = True
    return History(
        ("flow",), 1000.0 + np.arange(rows, dtype=np.float64), np.arange(rows, dtype=np.float32)[:, None],
        np.full(rows, 0.5, np.float32), np.linspace(100, 50, rows, dtype=np.float32), flags, np.full(rows, phase, np.uint8),
    )  # fmt: skip


def said(kpis: list[Kpi], key: str) -> str:
    (found,) = [one for one in kpis if one.key == key]
    return " ".join(filter(None, [found.mark.text if found.mark else found.value, found.note]))


@pytest.mark.parametrize("module", ["times", "normal", "rings", "views.asset_what_if", "views.asset_files"])
def test_examples_in_docstrings_hold(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"dashboard.{module}"))
    assert found.attempted > 0
    assert found.failed == 0


class TestKeyFigures:
    def test_a_healthy_machine(self) -> None:
        kpis = key_figures(live(update()), STATUS, PUMP)
        assert [one.key for one in kpis] == [
            "status", "phase", "score", "alarms", "health", "risk", "rul", "maintenance", "grade"
        ]  # fmt: skip
        assert said(kpis, "status").startswith("● NORMAL MONITORING")
        assert said(kpis, "rul").startswith("no wear")
        assert said(kpis, "maintenance").startswith("none needed")
        assert said(kpis, "grade").startswith("A")

    def test_a_worn_machine(self) -> None:
        its = update(flag=True, score=3.0, votes=2, health=40.0, risk="HIGH", degradation=0.6)
        kpis = key_figures(live(its, alarm(AlarmState.UNACKNOWLEDGED)), STATUS | {"remaining_life_hours": 2.0}, PUMP)
        assert said(kpis, "status").startswith("▲ ANOMALY")
        assert said(kpis, "score") == "3 × limit limit is 1; 2 detectors flag it"
        assert said(kpis, "risk") == "▲ HIGH degradation 60.0 %"
        assert said(kpis, "rul").startswith("2.0 h")
        assert said(kpis, "maintenance").startswith("■ DUE NOW")  # a pump is due from a degradation of 0.5 on
        assert said(kpis, "alarms") == "1 1 not acknowledged"

    def test_a_machine_with_a_failure_model_has_an_interval(self) -> None:
        told = Prediction(
            failure_probability=0.1, rul_cycles=98.4, rul_lower_cycles=61.0, rul_upper_cycles=125.0, warming=True,
            restored=False, model_version="m", regime=3,
        )  # fmt: skip
        kpis = key_figures(live(update(prediction=told)), STATUS, PUMP)
        assert said(kpis, "phase").startswith("3 ")
        assert fleet_table([live(update(prediction=told))], lambda _: None).iloc[0]["Phase"] == "regime 3"
        assert said(kpis, "rul") == "98 cycles 61 to 125 or more; few readings yet"
        assert said(kpis, "maintenance").startswith("within 61 cycles")

    def test_what_a_failure_model_told_stands_while_the_newest_reading_cannot_be_judged(self) -> None:
        told = {
            "failure_probability": 0.9, "rul_cycles": 12.0, "rul_lower_cycles": 4.0, "rul_upper_cycles": 30.0, "warming": False,
            "restored": False, "model_version": "m",
        }  # fmt: skip
        its = replace(live(update(score=None, reason="not judged, sensor: flow missing")), judged=False)
        kpis = key_figures(its, STATUS | {"prediction": told}, PUMP)
        assert said(kpis, "rul").startswith("12 cycles 4 to 30")
        assert said(kpis, "maintenance").startswith("within 4 cycles")

    def test_a_calibrated_machine_that_rests_since_a_restart_is_judged_as_the_service_says(self) -> None:
        resting = replace(live(update(score=None, phase="OFF")), judged=False)
        kpis = key_figures(resting, STATUS, PUMP)
        assert said(kpis, "risk").startswith("● LOW")
        assert said(kpis, "health") == "100.0 of 100"
        assert said(kpis, "grade").startswith("A")
        assert said(kpis, "rul").startswith("no wear")
        assert said(kpis, "score") == "not judged the newest reading has no score"

    def test_a_machine_that_does_not_send_is_not_called_normal(self) -> None:
        kpis = key_figures(live(update(), age=3600.0, stale=True), STATUS, PUMP)
        assert said(kpis, "status") == "◌ NO DATA MONITORING · 1 h ago"

    def test_without_the_service_nothing_is_made_up(self) -> None:
        kpis = key_figures(live(update()), None, PUMP)
        assert said(kpis, "rul") == "– the service did not say"
        assert said(kpis, "maintenance") == "– too little is known"

    def test_a_machine_that_was_never_calibrated(self) -> None:
        kpis = key_figures(live(update(score=None)), STATUS | {"health": None}, PUMP)
        assert said(kpis, "status").startswith("– NOT JUDGED")
        assert said(kpis, "rul") == "– not calibrated yet"

    def test_nothing_is_called_healthy_that_was_never_judged(self) -> None:
        never = replace(live(update(score=None)), judged=False)
        kpis = key_figures(never, STATUS | {"health": None}, PUMP)
        assert said(kpis, "risk").startswith("– NOT JUDGED")
        assert (said(kpis, "health"), said(kpis, "grade")) == ("– not judged yet", "– A best, F worst")
        counts = {one.key: one.value for one in fleet_counts([never, live(update("b"))])}
        assert (counts["risk-low"], counts["not-judged"]) == ("1", "1")
        row = fleet_table([never], lambda _: None).iloc[0]
        assert row["Risk"] == ["– NOT JUDGED"]
        assert row["Health"] is None


class TestFleet:
    def test_the_one_that_needs_attention_is_first(self) -> None:
        assets = [
            live(update("well")),
            live(update("worn", health=60.0, risk="MODERATE")),
            live(update("over"), alarm(AlarmState.RETURNED_UNACKNOWLEDGED, AlarmPriority.CRITICAL)),
            live(update("calls"), alarm(AlarmState.UNACKNOWLEDGED, AlarmPriority.HIGH)),
            live(update("seen"), alarm(AlarmState.ACKNOWLEDGED, AlarmPriority.CRITICAL)),
            live(update("dying", health=5.0, risk="CRITICAL")),
        ]
        found = [one.update.asset_id for one in chosen_assets(assets, "", ANY, ANY)]
        assert found == ["dying", "calls", "worn", "over", "seen", "well"]

    def test_a_score_that_wavers_moves_no_row(self) -> None:
        assert attention(live(update(score=0.1))) == attention(live(update(score=0.9)))

    def test_search_and_filters(self) -> None:
        assets = [
            live(update("Pump_A")),
            live(update("b", reason="High flow")),
            live(update("c", risk="HIGH", health=30.0)),
        ]

        def names(*asked: str) -> list[str]:
            return [one.update.asset_id for one in chosen_assets(assets, *asked)]

        assert names("pump_a", ANY, ANY) == ["Pump_A"]
        assert names("HIGH FLOW", ANY, ANY) == ["b"]
        assert names("", ANY, "HIGH") == ["c"]
        assert names("", "motor", ANY) == []

    def test_counts(self) -> None:
        assets = [
            live(update("a", flag=True), alarm(AlarmState.UNACKNOWLEDGED)),
            live(update("b", flag=True), stale=True),
            live(update("c", risk="CRITICAL"), alarm(AlarmState.ACKNOWLEDGED)),
        ]
        kpis = {one.key: (one.value, one.note) for one in fleet_counts(assets)}
        assert kpis["assets"] == ("3", "1 without new readings")
        assert kpis["anomalous"][0] == "1"
        assert kpis["open-alarms"] == ("2", "1 not acknowledged")
        assert (kpis["risk-critical"][0], kpis["risk-low"][0]) == ("1", "2")

    def test_table_has_a_row_an_asset(self) -> None:
        rows = fleet_table([live(update("a", score=None), age=80.0)], lambda _: history(100).health)
        assert tuple(rows.columns) == COLUMNS
        row = rows.iloc[0]
        assert (row["Asset"], row["Risk"], row["Newest"], row["Alarms"]) == ("a", ["● LOW"], "1 min ago", "–")
        assert len(row["Trend"]) == TREND_POINTS

    def test_the_trend_loses_no_dip(self) -> None:
        course = np.full(907, 100.0, np.float32)
        course[333] = 12.0
        assert min(trend(course)) == 12.0
        assert len(trend(course)) == TREND_POINTS
        assert trend(None) == []


class TestSignalCards:
    NORMAL: ClassVar = {"flow": Normal(10.0, 1.0, 7.0, 13.0)}

    def card(self, value: float | None) -> Any:
        its = update(values={"flow": value})
        return cards_of(its, None, self.NORMAL, None)[0]

    @pytest.mark.parametrize(
        ("value", "state", "word"),
        [
            (10.5, "normal", "normal: +0.5 (+0.5 σ)"),
            (12.5, "near", "high: +2.5 (+2.5 σ)"),
            (5.0, "off", "low: -5 (-5.0 σ)"),
        ],
    )
    def test_deviation_from_the_baseline(self, value: float, state: str, word: str) -> None:
        card = self.card(value)
        assert (card.state, card.deviation, card.target) == (state, word, "target 10 ± 1")
        assert card.place == pytest.approx(0.5 + (value - 10.0) / 8.0)

    def test_a_silent_sensor(self) -> None:
        card = self.card(None)
        assert (card.value, card.state, card.deviation) == ("–", "off", "the sensor tells no number")

    def test_cards_follow_the_asset_type(self) -> None:
        cards = cards_of(update(), PUMP, {}, None)
        assert [card.name for card in cards] == list(PUMP.signal_names)
        assert {card.state for card in cards} == {"none"}

    def test_baseline_by_phase_and_of_windows(self) -> None:
        one = {"mean": 1.0, "std": 0.1, "min": 0.5, "max": 1.5}
        answer = {"phases": {"STEADY": {"flow_mean": one, "flow_std": one}, "OFF": {"flow_mean": one | {"mean": 0.0}}}}
        assert normal_signals(answer, "STEADY")["flow"].mean == 1.0
        assert normal_signals(answer, "OFF")["flow"].mean == 0.0
        assert normal_signals(answer, "STARTUP") == {}
        assert normal_signals({"phases": {"UNKNOWN": {"flow": one}}}, "UNKNOWN")["flow"].mean == 1.0
        assert normal_signals(None, "STEADY") == {}

    def test_a_single_reading_of_a_fast_machine_is_not_held_against_means_over_a_second(self) -> None:
        one = {"mean": 10.0, "std": 0.1, "min": 9.8, "max": 10.2}
        normal = normal_signals({"phases": {"STEADY": {"flow_mean": one}}}, "STEADY")
        card = cards_of(update(values={"flow": 10.8}), None, normal, None)[0]  # of a sigma of 1: nothing
        assert (card.state, card.place, card.deviation) == ("none", None, "a single reading: not compared")
        assert card.target == "target 10 ± 0.1 (means over a second)"
        silent = cards_of(update(values={"flow": None}), None, normal, None)[0]
        assert silent.state == "off"

    def test_a_signal_that_was_constant_has_no_sigmas(self) -> None:
        assert Normal(0.0, 0.0, 0.0, 0.0).sigmas(1.0) is None


class TestPieces:
    def test_what_comes_from_data_stays_text(self) -> None:
        card = replace(
            TestSignalCards().card(1.0), name=EVIL, title=EVIL, value=EVIL, unit=EVIL, target=EVIL, deviation=EVIL
        )
        link = Link(LinkState.DOWN, 5.0, EVIL, EVIL)
        pieces = [
            signal_cards([card]), kpi_row([Kpi("score", EVIL, EVIL, EVIL)]), table([EVIL], [[EVIL]], "k"),
            banner(link, 1000.0, UTC), kpi_row([Kpi("risk", "", "", "", replace(RISKS["LOW"], word=EVIL, icon=EVIL))]),
        ]  # fmt: skip
        for piece in pieces:
            assert "<script" not in piece
            assert "&lt;script&gt;" in piece

    def test_a_quote_does_not_leave_its_attribute(self) -> None:
        card = replace(TestSignalCards().card(1.0), name='" onmouseover="alert(1)')
        assert 'onmouseover="' not in signal_cards([card])

    def test_markdown_in_names_stays_text(self) -> None:
        assert plain("**[x](http://e.vil)**") == r"\*\*\[x\]\(http\://e.vil\)\*\*"

    def test_chips_say_icon_and_word(self) -> None:
        assert "LOW" in table(["Risk"], [[chip_cell(RISKS["LOW"])]], "k")
        assert "<span" in table(["Risk"], [[chip_cell(RISKS["LOW"])]], "k")

    def test_banner_is_live_only_where_the_link_is(self) -> None:
        assert 'data-state="LIVE"' in banner(Link(LinkState.LIVE, 0.1, "well"), 1000.0, UTC)
        told = banner(Link(LinkState.DOWN, 65.0, "gone.", "Start it."), 1000.0, UTC)
        assert "SERVICE DOWN" in told
        assert "since 00:15:35 UTC (1 min)" in told
        assert ">LIVE<" not in told

    def test_the_ring_shows_its_share(self) -> None:
        drawn = base64.b64decode(re.findall(r"base64,([^\"]+)", health_ring(25.0, "#000000"))[0]).decode()
        around = 2 * np.pi * 26
        assert f'stroke-dasharray="{around / 4:.2f} {around:.2f}"' in drawn

    def test_a_spark_marks_what_was_anomalous(self) -> None:
        flags = np.array([False, True, True, False, True])
        drawn = base64.b64decode(re.findall(r"base64,([^\"]+)", sparkline(np.arange(5.0), flags))[0]).decode()
        assert drawn.count("#D55E00") == 2
        assert sparkline(np.array([np.nan, 1.0]), np.zeros(2, np.bool_)) == ""

    def test_a_moment_in_a_table_breaks_between_date_and_time_alone(self) -> None:
        cells = table(("Time", "Said"), [("2026-01-31 14:03:22 CET", "at 2026-01-31 14:03:22 CET")], "x")
        parts = '<span class="ss-whole">2026-01-31</span> <span class="ss-whole">14:03:22 CET</span>'
        assert f"<td>{parts}</td><td>at 2026-01-31 14:03:22 CET</td>" in cells


class TestCharts:
    def test_signal_rows(self) -> None:
        found = signal_table(history(10, flag=[3, 4, 8], phase=1), 0, Range(-1.0, 4.0), UTC)
        spans = found[found.kind == "anomaly"]
        assert spans.t.tolist() == [1_003_000.0, 1_008_000.0]
        assert spans.t2.tolist() == [1_005_000.0, 1_009_000.0]
        assert found[found.kind == "phase"].label.tolist() == ["STARTUP"]
        assert found[found.kind == "range"][["y", "y2"]].to_numpy().tolist() == [[-1.0, 4.0]]
        assert found[found.kind == "reading"].y.tolist() == [float(row) for row in range(10)]

    def test_the_axis_shows_the_clock_of_its_zone(self) -> None:
        found = score_table(history(2), TOKYO)
        assert found.t.iloc[0] == 1_000_000.0 + 9 * 3_600_000

    def test_a_line_breaks_where_readings_are_missing(self) -> None:
        its = history(10)
        its.seconds[5:] += 600.0
        values = score_table(its, UTC).y
        assert values.isna().sum() == 1

    def test_the_specification_does_not_change_with_the_data(self) -> None:
        assert signal_chart("flow", UTC, True) == signal_chart("flow", UTC, True)

    def test_no_reading_is_no_row(self) -> None:
        assert score_table(history(0), UTC).empty
        assert signal_table(history(0), 0, Range(0, 1), UTC).empty


class TestTimes:
    def test_every_time_names_its_zone(self) -> None:
        assert UTC.full(0.0) == "1970-01-01 00:00:00 UTC"
        assert TOKYO.clock(0.0) == "09:00:00 JST"

    def test_a_browser_without_a_zone_gets_the_plants(self) -> None:
        assert zone_of(None, "this browser's", UTC) is UTC
        assert zone_of("Nowhere/Else", "this browser's", UTC) is UTC
        assert zone_of("Asia/Tokyo", "this browser's", UTC) == TOKYO


class TestAlarmFigures:
    TOLD: ClassVar[dict[str, Any]] = {
        "annunciations": 40, "operators": 2, "rate": {"mean": 0.5, "peak": 12.0},
        "floods": [{"start": "2026-01-01T00:00:00+00:00", "end": "2026-01-01T00:10:00+00:00", "count": 40}],
        "chattering": [], "stale": [], "acknowledge_time": {"mean_seconds": 90.0, "acknowledged": 3, "unacknowledged": 1},
    }  # fmt: skip

    def test_figures_stand_beside_their_aims(self) -> None:
        kpis = alarm_figures(self.TOLD)
        assert said(kpis, "rate") == "0.50 ● aim met; aim: about 1"
        assert said(kpis, "peak") == "12.0 ▲ far above the aim; flood: above 10"
        assert said(kpis, "floods") == "1 ▲ aim missed; aim: none"
        assert said(kpis, "stale") == "0 ● aim met; aim: none"
        assert said(kpis, "acknowledge") == "1 min 3 acknowledged, 1 never"

    def test_high_and_critical_count_together(self) -> None:
        shares = [{"priority": name, "count": 1, "share": 0.25} for name in ("LOW", "MEDIUM", "HIGH", "CRITICAL")]
        found = priority_table(shares)
        measured = found[found.kind == "measured"].set_index("priority").percent.to_dict()
        assert measured == {"LOW": 25.0, "MEDIUM": 25.0, "HIGH and CRITICAL": 50.0}
        assert sum(AIMS.values()) == pytest.approx(1.0)


class TestDecisions:
    RECALIBRATION: ClassVar[dict[str, Any]] = {
        "number": 7, "asset_id": "pump_0", "asked": "2026-01-01T00:00:00+00:00", "author": "Ada", "reason": "new bearing",
        "finding_id": None, "state": WAITING, "active_version": "a1", "candidate_version": "c1", "decided_by": None,
        "changed": "2026-01-01T00:01:00+00:00", "watch_until": None,
        "checks": {
            "checks": [{"name": "false_alarms", "passed": None, "figures": {}, "sentence": "Too few steps."}],
            "shadow": {"steps": 10, "both": 1, "only_active": 2, "only_candidate": 3, "agreement": 0.5, "alarms_active": [],
                       "alarms_candidate": [1.0]},
            "decision": {"action": "ask", "sentences": ["Nobody has looked."]},
        },
    }  # fmt: skip

    def test_a_recalibration_that_waits(self) -> None:
        (row,) = recalibration_rows([self.RECALIBRATION], UTC)
        assert row[0] == "7"
        assert "waits for approval" in row[2]
        assert doubts(self.RECALIBRATION) == ["Nobody has looked."]
        assert check_rows(self.RECALIBRATION)[0] == ("false alarms", "▲ a person decides", "Too few steps.")
        assert "50.0 % agree" in check_rows(self.RECALIBRATION)[1]

    def test_one_that_was_only_asked_for(self) -> None:
        its = self.RECALIBRATION | {"checks": None, "candidate_version": None}
        assert check_rows(its) == []
        assert doubts(its) == []
        assert recalibration_rows([its], UTC)[0][7] == "–"

    def test_a_finding(self) -> None:
        finding = {
            "time": "2026-01-01T00:00:00+00:00", "asset_id": "pump_0", "verdict": "degradation", "confidence": 0.9,
            "may_recalibrate": False, "drift_share": 0.25, "evidence": [{"sentence": "Vibration climbs."}],
        }  # fmt: skip
        (row,) = finding_rows([finding], UTC)
        assert "degradation" in row[2]
        assert row[3:] == ("90 %", "no", "25 %", "Vibration climbs.")


def test_a_readings_name_is_no_formula_in_the_csv() -> None:
    read = {"timestamp": "2026-01-01T00:00:00+00:00", "flow": -1.5}
    names = ["=HYPERLINK(0)", "+1", "-1", "@a", "e-1"]
    told = history_csv({"readings": [{"event_id": name} | read for name in names], "assessments": []}).splitlines()
    assert [row.split(",")[0] for row in told] == ["event_id", "e-1", "'@a", "'-1", "'+1", "'=HYPERLINK(0)"]
    assert told[1].split(",")[2] == "-1.5"


def test_acceptance_report_in_words() -> None:
    report = {
        "readings": 3000, "steps": 3000, "seconds": 3000.0, "phases": {"STEADY": 2900, "OFF": 100}, "starts": 4,
        "outside_three_sigma": 0.0083, "false_alarms": 0.0027, "false_alarm_low": 0.0012, "false_alarm_high": 0.0052,
        "missing": 0.0, "grade": "A", "remarks": (),
    }  # fmt: skip
    kpis = acceptance_figures(report, "v1")
    assert said(kpis, "false-alarms") == "0.27 % 0.12 to 0.52 % (95 % interval)"
    assert said(kpis, "phases") == "2 steps: STEADY 2,900, OFF 100; 4 starts"
    learnt = {"STEADY": {"flow": {"mean": 1.0, "std": 0.5, "min": 0.0, "max": 2.0}}}
    assert baseline_rows(learnt) == [("STEADY", "flow", "1", "0.5", "0", "2")]
