"""A plant of pumps with something to report of: healthy, critical, silent, alarming, and one named in Japanese."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openpyxl
import pypdf
import yaml
from condition_sample import running
from plant_fixture import PUMP, calibrate_asset, healthy, readings_of, send_batch

from smart_sentry.contracts import alarms as words
from smart_sentry.contracts.alarms import AlarmTransition
from smart_sentry.stores.alarm_log import AlarmState
from smart_sentry.stores.asset_states import AssetState
from smart_sentry.stores.store import Store

HEALTHY, CRITICAL, JAPANESE, UNJUDGED, EMPTY, ALARMING = (
    "pump healthy", "pump critical", "株式会社 ポンプ一号 é<b>#x$", "pump unjudged", "pump empty", "pump alarming",
)  # fmt: skip
ASSETS = (HEALTHY, CRITICAL, JAPANESE, UNJUDGED, EMPTY, ALARMING)
ALARMS, OPEN_ALARMS = 10_000, 3_000
EVIL = '=HYPERLINK("http://evil.example","x")'
MARKUP = '#panic("markup ran") *bold* $x$ [link] <label> @cite \\ // "quoted"'
RICH = "<r><t>=1+1</t></r><c t='n'><v>1</v></c> R&D <r>  </r>"
COSTS = {
    "cost_currency": "EUR", "cost_downtime_hour": 1200.0, "cost_planned_repair": 3500.0, "cost_unplanned_repair": 18_000.0,
    "downtime_planned_hours": 6.0, "downtime_unplanned_hours": 30.0,
}  # fmt: skip


def fill(client: httpx.Client, home: Path) -> None:
    """Sends what each of them is known by, over HTTP; the 10,000 alarms and the asset without a row come by the store."""
    (home / "configs" / "assets").mkdir(parents=True)
    (home / "configs" / "assets" / "pump.yaml").write_text(yaml.safe_dump(PUMP.model_dump(mode="json")))
    for asset in (HEALTHY, CRITICAL, JAPANESE):
        send_batch(client, healthy(300, 1, asset))
        calibrate_asset(client, asset)
    send_batch(client, healthy(200, 2, HEALTHY, 300))
    send_batch(client, readings_of(running(60, 4) + np.array([0, 0, 0.9]), CRITICAL, range(300, 360)))
    mild = running(20, 5) + np.array([0, 0, 0.15])
    mild[3:5, 0] = np.nan
    send_batch(client, readings_of(mild, JAPANESE, range(300, 320)))
    send_batch(client, healthy(40, 6, UNJUDGED))
    notes = [(CRITICAL, EVIL), (CRITICAL, MARKUP), (CRITICAL, RICH), (JAPANESE, "軸受から異音 😀 long " + "word" * 500)]
    for asset, text in notes:
        note = {"asset_id": asset, "author": "Ada", "text": text}
        assert client.post("/api/v1/logs", json=note).status_code == 201
    with Store(f"sqlite:///{home / 'plant.db'}") as store:
        _add_alarms(store)


def _add_alarms(store: Store) -> None:
    steps, states = [], []
    for number in range(ALARMS):
        time = 1_000_000_000.0 + 60.0 * number
        alarm, stays = f"{ALARMING}:anomaly:{number + 1}", number >= ALARMS - OPEN_ALARMS
        steps.append(_step(alarm, "NORMAL", "UNACKNOWLEDGED", "RAISED", time))
        if not stays:
            steps.append(_step(alarm, "UNACKNOWLEDGED", "ACKNOWLEDGED", "ACKNOWLEDGED", time + 10, "Ada"))
            steps.append(_step(alarm, "ACKNOWLEDGED", "NORMAL", "CLEARED", time + 20))
        last = steps[-1]
        states.append(AlarmState(alarm, ALARMING, "anomaly", "HIGH", last.to_state.value, last.time, last.reason))
    with store.transaction(assets=[EMPTY, ALARMING]) as batch:
        batch.states.begin([AssetState(name, "IDLE", PUMP.name, 1_000_000_000.0) for name in (EMPTY, ALARMING)])
        batch.alarms.record(states, steps)


def _step(alarm: str, before: str, after: str, event: str, time: float, author: str = "system") -> AlarmTransition:
    return AlarmTransition(
        alarm, ALARMING, "anomaly", words.AlarmState(before), words.AlarmState(after), words.AlarmEvent(event), time, author,
        "score 3.5 times its limit", words.AlarmPriority.HIGH, 3.5,
    )  # fmt: skip


def asked(client: httpx.Client, kind: str, asset: str | None = None, **parameters: Any) -> httpx.Response:
    """A report over HTTP."""
    named = {} if asset is None else {"asset_id": asset}
    return client.get(f"/api/v1/reports/{kind}", params=named | parameters, timeout=120)


def pages_of(pdf: bytes) -> list[str]:
    """The text of each page on one line, without the marks that allow a break within a name."""
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    return [" ".join(page.extract_text().replace("\u200b", "").split()) for page in reader.pages]


def sheets_of(workbook: bytes) -> Any:
    """The workbook as it is read."""
    return openpyxl.load_workbook(io.BytesIO(workbook))


def rows_of(sheet: Any) -> list[Sequence[Any]]:
    """Values of every row."""
    return list(sheet.iter_rows(values_only=True))


def summary_of(workbook: bytes) -> dict[tuple[str, str], Any]:
    """(label, unit or note) -> value, of the sheet Summary."""
    return {(row[0], row[2] or ""): row[1] for row in rows_of(sheets_of(workbook)["Summary"])[2:20] if row[0]}
