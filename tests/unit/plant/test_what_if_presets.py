"""Presets of what-if: real readings of the asset, and the same with one sensor off, ready to be asked about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from plant_fixture import SIGNALS, calibrate_asset, client_of_pumps, healthy, send_batch

ASSET = "motor_01"


def test_presets_are_answered_by_whatif_and_the_sensor_that_is_off_is_blamed(tmp_path: Path) -> None:
    with client_of_pumps(tmp_path) as client:
        sent = healthy(300, 1)
        send_batch(client, sent)
        calibrate_asset(client, ASSET)
        told = client.get("/api/v1/whatif/presets", params={"asset_id": ASSET}).json()["presets"]
        assert [one["name"] for one in told] == [
            "as it is",
            *(f"{name} {word}" for name in SIGNALS for word in ("high", "low")),
        ]
        assert told[0]["readings"] == [{name: reading[name] for name in SIGNALS} for reading in sent[-30:]]
        for one in told:
            body = {"asset_id": ASSET, "readings": one["readings"]}
            found = client.post("/api/v1/whatif", json=body).json()["assessments"]
            flagged = [row for row in found if row["flag"]]
            if one["name"] == "as it is":
                assert not flagged
                continue
            signal = one["name"].split()[0]
            assert len(flagged) > 20, one["name"]
            assert signal in flagged[-1]["reason"]
            shifts = np.array([row[signal] for row in one["readings"]]) - [reading[signal] for reading in sent[-30:]]
            assert (np.abs(shifts) > 0).all()


def test_presets_keep_what_is_missing_and_the_limits_and_unknown_assets_are_refused(tmp_path: Path) -> None:
    with client_of_pumps(tmp_path) as client:
        sent = healthy(40, 2)
        for reading in sent:
            reading["speed_rpm"] = None
        send_batch(client, sent)
        told = client.get("/api/v1/whatif/presets", params={"asset_id": ASSET}).json()["presets"]
        assert {one["name"].split()[0] for one in told[1:]} == {"current_a", "vibration_g"}
        assert all(row["speed_rpm"] is None for one in told for row in one["readings"])
        assert all(row["vibration_g"] >= 0 for one in told for row in one["readings"])
        assert client.get("/api/v1/whatif/presets", params={"asset_id": "nobody"}).status_code == 404
