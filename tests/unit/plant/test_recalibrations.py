"""Recalibrations of a running service: asked, decided, promoted, watched, taken back; and after a stop at any moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from condition_sample import baseline, running
from plant_fixture import START, client_of_pumps, readings_of, send_batch
from recalibration_fixture import ASSET, LOUD, MOVED, Moved, at_new_duty, pump_at_new_duty, reopened, workshop

from smart_sentry.errors import ServiceRefused
from smart_sentry.plant.baseline_settling import settle_baselines
from smart_sentry.plant.recalibration_material import confirmed_faults
from smart_sentry.plant.recalibration_run import BY_MACHINE, PATH, carry_forward, next_step, open_or_ask, standing
from smart_sentry.stores.notes import Note


@pytest.fixture
def moved(tmp_path: Path) -> Iterator[Moved]:
    with pump_at_new_duty(tmp_path) as found:
        yield found


def promoted(moved: Moved) -> dict[str, Any]:
    """A recalibration after a benign change, promoted by policy."""
    finding = moved.find("benign_operating_change", may_recalibrate=True)
    told = carry_forward(moved.shop, open_or_ask(moved.shop, ASSET, "new duty", finding)["number"])
    assert told["state"] == "WATCHING", told["checks"]
    return told


def until(done: Callable[[], bool], patience_s: float = 10.0) -> float:
    """Waits, and returns for how long."""
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < patience_s
        time.sleep(0.05)
    return time.monotonic() - began


def alarms(moved: Moved) -> dict[str, str]:
    """Kind -> message of the open alarms."""
    return {one["kind"]: one["message"] for one in moved.client.get("/api/v1/alarms").json()["alarms"]}


def decide(moved: Moved, number: int, what: str, **body: Any) -> httpx.Response:
    return moved.client.post(f"{PATH}/{number}/{what}", json={"author": "Ada", "reason": "seen to", **body})


def break_file(moved: Moved, version: str) -> None:
    arrays = moved.baselines.folder_of(ASSET) / version / "baseline.npz"
    arrays.write_bytes(arrays.read_bytes()[:-1] + b"!")


def test_benign_change_is_recalibrated_by_policy_watched_and_kept(moved: Moved) -> None:
    told = promoted(moved)
    assert told["decided_by"] == "policy"
    assert moved.baselines.history(ASSET) == [told["active_version"], told["candidate_version"]]
    moved.send(at_new_duty(3700, 3))
    until(lambda: standing(moved.shop, told["number"], ASSET)["state"] == "KEPT")
    status = moved.client.get("/api/v1/monitoring/status", params={"asset_id": ASSET}).json()["asset"]
    assert status["baseline_version"] == told["candidate_version"]
    assert moved.audit()[1:] == [
        "recalibration: asked", "recalibration: candidate built", "recalibration: checked", "recalibration: shadowing",
        "promote", "recalibration: promoted", "recalibration: kept",
    ]  # fmt: skip


def test_fault_after_a_promotion_takes_it_back_by_itself_with_an_alarm(moved: Moved) -> None:
    told = promoted(moved)
    moved.send(at_new_duty(100, 3))
    moved.send(running(60, 4) + LOUD)
    until(lambda: standing(moved.shop, told["number"], ASSET)["state"] == "ROLLED_BACK")
    after = standing(moved.shop, told["number"], ASSET)
    assert after["checks"]["watch"]["objections"]
    assert moved.baselines.history(ASSET) == [told["active_version"]]
    until(lambda: "recalibration" in alarms(moved))
    assert "rolled back" in alarms(moved)["recalibration"]
    assert moved.audit()[-2:] == ["roll back", "recalibration: rolled back"]


def test_watch_that_saw_hardly_anything_goes_on_from_the_first_reading_after_the_gap(moved: Moved) -> None:
    """The machine sends nothing for two hours, then 30 readings: the hour begins anew with the first of them."""
    told = promoted(moved)
    moved.sent += 7200
    resumed = START.timestamp() + moved.sent
    moved.send(at_new_duty(30, 3))
    until(lambda: "recalibration: watched on" in moved.audit())
    after = standing(moved.shop, told["number"], ASSET)
    assert after["state"] == "WATCHING"
    assert datetime.fromisoformat(after["watch_until"]).timestamp() == resumed + 3600.0
    moved.send(at_new_duty(3700, 4))
    until(lambda: standing(moved.shop, told["number"], ASSET)["state"] == "KEPT")
    assert moved.audit().count("recalibration: watched on") == 1


@pytest.mark.parametrize("verdict", ["degradation", "sensor_fault", "unknown"])
def test_nothing_is_promoted_under_these_verdicts_without_a_named_person(moved: Moved, verdict: str) -> None:
    moved.find(verdict, may_recalibrate=True)
    told = carry_forward(moved.shop, open_or_ask(moved.shop, ASSET, "time")["number"])
    number = told["number"]
    assert told["state"] == "AWAITING_APPROVAL"
    for nobody in ("schedule", "Policy", "automation", "system"):
        assert decide(moved, number, "approve", author=nobody, override=True).status_code == 409
    if verdict == "degradation":
        refused = decide(moved, number, "approve")
        assert refused.status_code == 409
        assert "would learn the fault" in refused.json()["error"]["message"]
    assert moved.baselines.history(ASSET) == [told["active_version"]]
    approved = decide(moved, number, "approve", override=verdict == "degradation")
    assert (approved.json()["state"], approved.json()["decided_by"]) == ("WATCHING", "Ada")
    with moved.store.view() as batch:
        entry = next(one for one in batch.audit.history(asset_id=ASSET) if one.action == "recalibration: promoted")
    assert entry.actor == "Ada"
    assert ("overrides the finding of a degradation" in entry.details["why"]) == (verdict == "degradation")


def test_finding_older_than_what_the_candidate_learnt_asks_a_person(moved: Moved) -> None:
    """It looked at the readings up to seven hours ago, and the candidate has learnt from later ones."""
    finding = moved.find("benign_operating_change", may_recalibrate=True)
    moved.sent += 7 * 3600
    moved.send(at_new_duty(MOVED, 3))
    told = carry_forward(moved.shop, open_or_ask(moved.shop, ASSET, "new duty", finding)["number"])
    assert told["state"] == "AWAITING_APPROVAL"
    assert "no finding has looked at" in told["checks"]["decision"]["sentences"][0]


def test_round_that_could_say_nothing_since_the_verdict_asks_a_person(moved: Moved) -> None:
    finding = moved.find("benign_operating_change", may_recalibrate=True)
    moved.find("skipped")
    told = carry_forward(moved.shop, open_or_ask(moved.shop, ASSET, "new duty", finding)["number"])
    assert told["state"] == "AWAITING_APPROVAL"
    assert "not its last word" in told["checks"]["decision"]["sentences"][0]


def test_degradation_found_while_it_waits_counts(moved: Moved) -> None:
    told = carry_forward(moved.shop, open_or_ask(moved.shop, ASSET, "nobody looked")["number"])
    assert told["state"] == "AWAITING_APPROVAL"
    moved.find("degradation")
    assert decide(moved, told["number"], "approve").status_code == 409


def test_one_at_a_time_then_a_pause_that_only_a_person_may_skip(moved: Moved) -> None:
    first = open_or_ask(moved.shop, ASSET, "time")
    body = {"asset_id": ASSET, "author": "schedule", "reason": "again"}
    assert moved.client.post(PATH, json=body).status_code == 409
    assert open_or_ask(moved.shop, ASSET, "again")["number"] == first["number"]
    assert decide(moved, first["number"], "reject").json()["state"] == "REFUSED"
    paused = moved.client.post(PATH, json=body)
    assert paused.status_code == 409
    assert "24.0 h" in paused.json()["error"]["message"]
    assert moved.client.post(PATH, json=body | {"override": True}).status_code == 409
    assert moved.client.post(PATH, json=body | {"override": True, "author": "Ada"}).status_code == 201


def test_finding_that_was_refused_once_never_asks_again(moved: Moved) -> None:
    finding = moved.find("benign_operating_change", may_recalibrate=True)
    first = open_or_ask(moved.shop, ASSET, "new duty", finding)
    decide(moved, first["number"], "reject")
    with pytest.raises(ServiceRefused, match=f"finding {finding} had its turn"):
        open_or_ask(moved.shop, ASSET, "new duty", finding, override=True)


def test_readings_of_a_faulty_machine_give_no_candidate(moved: Moved) -> None:
    rng = np.random.default_rng(1)
    moved.send(running(MOVED, 5) * np.where(rng.uniform(size=(MOVED, 1)) < 0.1, 0.2, 1.0))
    told = carry_forward(moved.shop, open_or_ask(moved.shop, ASSET, "time")["number"])
    assert told["state"] == "REFUSED"
    assert told["checks"]["refused"]


def test_acknowledged_fault_must_still_be_flagged_unless_it_is_called_wrong(tmp_path: Path) -> None:
    with pump_at_new_duty(tmp_path, with_fault=True) as moved:
        told = carry_forward(moved.shop, open_or_ask(moved.shop, ASSET, "time")["number"])
        past = next(one for one in told["checks"]["checks"] if one["name"] == "past faults")
        began = START.timestamp() + 1002.0
        # The candidate knows the new duty alone and calls at the old one: whether it sees the fault there, nobody can tell.
        assert (past["passed"], past["figures"]) == (None, {"faults": 1, "lost_at": [], "hidden_at": [began]})
        with moved.store.view() as batch:
            found = confirmed_faults(batch, ASSET)
            assert [(one.began, one.ended is None) for one in found] == [(began, False)]
        with moved.store.transaction() as batch:
            batch.notes.add(Note(ASSET, "false alarm", "Ada", START.timestamp() + 1500.0, "a hammer"))
        with moved.store.view() as batch:
            assert confirmed_faults(batch, ASSET) == []


def test_acknowledged_alarm_over_all_recent_readings_leaves_nothing_to_learn_from(moved: Moved) -> None:
    moved.client.post("/api/v1/alarms", json={"asset_id": ASSET, "action": "acknowledge", "author": "Ada"})
    told = carry_forward(moved.shop, open_or_ask(moved.shop, ASSET, "time")["number"])
    assert told["state"] == "REFUSED"
    assert "'false alarm' calls one wrong" in told["checks"]["refused"][0]


def test_tampered_candidate_is_refused_and_the_active_baseline_stays_with_an_alarm(moved: Moved) -> None:
    told = carry_forward(moved.shop, open_or_ask(moved.shop, ASSET, "time")["number"])
    assert told["state"] == "AWAITING_APPROVAL"
    break_file(moved, told["candidate_version"])
    assert decide(moved, told["number"], "approve").status_code == 503
    assert standing(moved.shop, told["number"], ASSET)["state"] == "REFUSED"
    assert moved.baselines.history(ASSET) == [told["active_version"]]
    assert "baseline.npz" in alarms(moved)["model"]


def test_broken_earlier_baseline_leaves_the_promoted_one_with_an_alarm(moved: Moved) -> None:
    told = promoted(moved)
    break_file(moved, told["active_version"])
    body = {"asset_id": ASSET, "author": "Ada", "reason": "worse"}
    assert moved.client.post("/api/v1/calibration/rollback", json=body).status_code == 503
    assert moved.baselines.history(ASSET)[-1] == told["candidate_version"]
    assert "baseline.npz" in alarms(moved)["model"]
    moved.send(running(100, 4) + LOUD)
    until(lambda: standing(moved.shop, told["number"], ASSET)["state"] == "WITHDRAWN")
    assert moved.baselines.history(ASSET)[-1] == told["candidate_version"]
    until(lambda: "cannot be" in alarms(moved).get("recalibration", ""))


def test_rollback_by_a_person_ends_the_watch_and_is_live_within_five_seconds(moved: Moved) -> None:
    told = promoted(moved)
    moved.send(at_new_duty(50, 3))
    began = time.monotonic()
    body = {"asset_id": ASSET, "author": "Ada", "reason": "too early"}
    assert moved.client.post("/api/v1/calibration/rollback", json=body).status_code == 200
    taken = send_batch(moved.client, readings_of(at_new_duty(50, 4), ASSET, range(moved.sent, moved.sent + 50)))
    assert time.monotonic() - began < 5.0
    assert taken["flagged"] > 40  # the old baseline judges the new duty again
    until(lambda: standing(moved.shop, told["number"], ASSET)["state"] == "ROLLED_BACK")
    assert standing(moved.shop, told["number"], ASSET)["decided_by"] == "Ada"


def test_other_calibration_withdraws_what_is_open(moved: Moved) -> None:
    told = next_step(moved.shop, open_or_ask(moved.shop, ASSET, "time")["number"])
    assert told["candidate_version"]
    plant_version = moved.baselines.keep(moved.baselines.load(ASSET, told["candidate_version"]))
    moved.baselines.activate(ASSET, plant_version)  # somebody calibrates from a file
    assert next_step(moved.shop, told["number"])["state"] == "WITHDRAWN"


def test_run_that_is_cut_off_after_any_step_goes_on_where_it_stood(moved: Moved) -> None:
    """Each step by another workshop, and each answer lost once: repeating a step changes nothing."""
    finding = moved.find("benign_operating_change", may_recalibrate=True)
    number = open_or_ask(moved.shop, ASSET, "new duty", finding)["number"]
    seen, told = [], {"state": "ASKED"}
    while told["state"] in BY_MACHINE:
        with workshop(moved.client, moved.home) as other:
            told = next_step(other.shop, number)
            seen.append((told["state"], told["candidate_version"] is not None))
    assert seen == [("ASKED", True), ("CHECKED", True), ("SHADOWING", True), ("WATCHING", True)]
    again = {"author": "Ada", "step": "built", "candidate_version": told["candidate_version"]}
    assert moved.client.post(f"{PATH}/{number}/advance", json=again).json()["state"] == "WATCHING"
    assert moved.audit().count("promote") == 1


def test_candidate_of_a_second_run_takes_no_other_candidates_place_nor_its_checks(moved: Moved) -> None:
    """Two runs of one recalibration learn from readings that have grown in between: what is checked is what is promoted."""
    number = open_or_ask(moved.shop, ASSET, "time")["number"]
    first = next_step(moved.shop, number)["candidate_version"]
    other = moved.baselines.keep(baseline(rows=300, seed=9, asset_id=ASSET))
    built = {"author": "Ada", "step": "built", "candidate_version": other}
    assert moved.client.post(f"{PATH}/{number}/advance", json=built).json()["candidate_version"] == first
    good = {"name": "acceptance", "passed": True, "figures": {}, "sentence": "Good."}
    checked = {"author": "Ada", "step": "checked", "candidate_version": other, "checks": [good]}
    refused = moved.client.post(f"{PATH}/{number}/advance", json=checked)
    assert refused.status_code == 409
    assert f"its candidate is {first}" in refused.json()["error"]["message"]
    assert next_step(moved.shop, number)["state"] == "CHECKED"
    nothing = {"steps": 60, "both": 0, "only_active": 0, "only_candidate": 0, "agreement": 1.0, "alarms_active": [],
               "alarms_candidate": [], "mean_score_active": None, "mean_score_candidate": None}  # fmt: skip
    shadowed = {"author": "Ada", "step": "shadowed", "candidate_version": other, "shadow": nothing}
    assert moved.client.post(f"{PATH}/{number}/advance", json=shadowed).status_code == 409
    assert standing(moved.shop, number, ASSET)["candidate_version"] == first


def test_step_without_what_it_needs_is_refused_with_its_name(moved: Moved) -> None:
    number = open_or_ask(moved.shop, ASSET, "time")["number"]
    answer = moved.client.post(f"{PATH}/{number}/advance", json={"author": "Ada", "step": "built"})
    assert answer.status_code == 422
    assert "candidate_version" in answer.text
    early = {"author": "Ada", "step": "checked", "candidate_version": "v1", "checks": []}
    assert moved.client.post(f"{PATH}/{number}/advance", json=early).status_code == 409
    assert moved.client.post(f"{PATH}/77/advance", json={"author": "Ada", "step": "shadowing"}).status_code == 422


def test_stop_between_the_files_and_the_transaction_of_a_promotion_is_undone(tmp_path: Path) -> None:
    with pump_at_new_duty(tmp_path) as moved:
        told = carry_forward(moved.shop, open_or_ask(moved.shop, ASSET, "time")["number"])
    moved.baselines.activate(ASSET, told["candidate_version"])  # and here the process was killed
    plant = reopened(tmp_path)
    settle_baselines(plant)
    assert moved.baselines.history(ASSET) == [told["active_version"]]
    assert plant.watch_of(ASSET).judge_of(ASSET) == told["active_version"]
    plant.store.close()
    with client_of_pumps(tmp_path) as client, workshop(client, tmp_path) as back:
        assert standing(back.shop, told["number"], ASSET)["state"] == "AWAITING_APPROVAL"
        assert decide(back, told["number"], "approve").json()["state"] == "WATCHING"


def test_stop_between_the_files_and_the_transaction_of_a_rollback_is_undone(tmp_path: Path) -> None:
    with pump_at_new_duty(tmp_path) as moved:
        told = promoted(moved)
    moved.baselines.roll_back(ASSET)  # and here the process was killed
    plant = reopened(tmp_path)
    settle_baselines(plant)
    assert moved.baselines.history(ASSET) == [told["active_version"], told["candidate_version"]]
    assert plant.watch_of(ASSET).judge_of(ASSET) == told["candidate_version"]
    plant.store.close()


def test_watch_goes_on_after_a_restart(tmp_path: Path) -> None:
    with pump_at_new_duty(tmp_path) as moved:
        told = promoted(moved)
        sent = moved.sent
    with client_of_pumps(tmp_path) as client, workshop(client, tmp_path) as back:
        back.sent = sent
        back.send(at_new_duty(3700, 3))
        until(lambda: standing(back.shop, told["number"], ASSET)["state"] == "KEPT")


def test_maintenance_begins_the_count_of_moves_anew(moved: Moved) -> None:
    finding = moved.find("step_after_maintenance", may_recalibrate=True)
    told = carry_forward(moved.shop, open_or_ask(moved.shop, ASSET, "new bearing", finding)["number"])
    move = next(one for one in told["checks"]["checks"] if one["name"] == "cumulative move")
    assert move["figures"]["renewed"] is True
    assert move["figures"]["origin"] == told["active_version"]
    moved.send(at_new_duty(3700, 3))
    until(lambda: standing(moved.shop, told["number"], ASSET)["state"] == "KEPT")
    body = {"asset_id": ASSET, "author": "Ada", "reason": "look again", "override": True}
    second = carry_forward(moved.shop, moved.client.post(PATH, json=body).json()["number"])
    move = next(one for one in second["checks"]["checks"] if one["name"] == "cumulative move")
    assert move["figures"]["origin"] == told["candidate_version"]
    assert abs(move["figures"]["sigma"]) < 0.5
