"""Reports over HTTP: what is on paper and in the workbook is what the API tells, for every sort of asset."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import numpy as np
import pypdf
import pytest
from plant_fixture import PUMP, START, client_of_pumps, healthy, send_batch
from report_plant import (
    ALARMING,
    ALARMS,
    ASSETS,
    COSTS,
    CRITICAL,
    EMPTY,
    EVIL,
    HEALTHY,
    JAPANESE,
    MARKUP,
    OPEN_ALARMS,
    RICH,
    UNJUDGED,
    asked,
    fill,
    pages_of,
    rows_of,
    sheets_of,
    summary_of,
)

from smart_sentry.config import Settings
from smart_sentry.reports.gather import gather
from smart_sentry.reports.source import ReportSource
from smart_sentry.stores.store import Store

PAGES = {"executive": 1, "industrial": 5}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plant")


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[httpx.Client]:
    with client_of_pumps(home, **COSTS) as opened:
        fill(opened, home)
        yield opened


def status_of(client: httpx.Client, asset: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/v1/monitoring/status", params={"asset_id": asset}).json()["asset"]
    return found


@pytest.mark.parametrize("asset", ASSETS)
@pytest.mark.parametrize("kind", PAGES)
def test_every_asset_has_its_pages_and_its_name_on_the_first(client: httpx.Client, kind: str, asset: str) -> None:
    answer = asked(client, kind, asset)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    pages = pages_of(answer.content)
    assert len(pages) == PAGES[kind]
    assert asset in pages[0]
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {PAGES[kind]}" in page


@pytest.mark.parametrize("asset", [HEALTHY, CRITICAL, JAPANESE])
def test_figures_on_paper_and_in_the_workbook_are_those_of_the_status(client: httpx.Client, asset: str) -> None:
    status = status_of(client, asset)
    health, degradation = f"{status['health']:.1f}", f"{status['degradation']:.3f}"
    for kind in PAGES:
        first = pages_of(asked(client, kind, asset).content)[0]
        assert f"Risk is {status['risk']} at health {health} of 100 (grade {status['grade']})" in first
        assert f"HEALTH {health} of 100" in first
        assert f"DEGRADATION {degradation}" in first
        assert f"OPEN ALARMS {status['open_alarms']}" in first
        assert f"score {status['score']:.2f}" in first
    told = summary_of(asked(client, "excel", asset).content)
    for label, note, name in (
        ("Health", "of 100", "health"), ("Degradation", "0 is new, 1 is used up", "degradation"), ("Risk", "", "risk"),
        ("Grade", "A to F", "grade"), ("Score", "the limit is 1", "score"), ("Open alarms", "", "open_alarms"),
        ("Phase", "", "phase"),
    ):  # fmt: skip
        expected = status[name]
        assert told[label, note] == (pytest.approx(expected, rel=1e-12) if isinstance(expected, float) else expected)
    life = status["remaining_life_hours"]
    if life is None:
        assert "not available" in told["Remaining life", "hours"]
    else:
        assert told["Remaining life", "hours"] == pytest.approx(life, rel=1e-12)


def test_a_critical_asset_is_told_what_to_do_and_why(client: httpx.Client) -> None:
    status = status_of(client, CRITICAL)
    assert (status["risk"], status["flagged"]) == ("CRITICAL", True)
    (page,) = pages_of(asked(client, "executive", CRITICAL).content)
    assert "Do the maintenance of the machine. When: now." in page
    assert "Answer the alarm anomaly: inspect the machine." in page
    assert "vibration_g" in page


def test_a_healthy_asset_needs_nothing(client: httpx.Client) -> None:
    (page,) = pages_of(asked(client, "executive", HEALTHY).content)
    assert "No action is needed." in page
    assert "No alarm stands." in page


@pytest.mark.parametrize(
    ("asset", "why"),
    [(EMPTY, "no reading is stored"), (UNJUDGED, "no baseline is active, and no failure model judges this type")],
)
def test_what_is_missing_is_said_with_its_reason(client: httpx.Client, asset: str, why: str) -> None:
    pages = pages_of(asked(client, "industrial", asset).content)
    assert f"Health is not available: {why}." in pages[0]
    assert "The explanation is not available" in pages[2]
    told = summary_of(asked(client, "excel", asset).content)
    assert told["Health", "of 100"] == f"not available: {why}"
    assert told["Risk", ""] == f"not available: {why}"


def test_what_nothing_had_judged_is_no_health_of_100_and_is_not_counted(client: httpx.Client, home: Path) -> None:
    with Store(f"sqlite:///{home / 'plant.db'}") as store:
        content = gather(ReportSource(store, {PUMP.name: PUMP}, home / "models", None, Settings(home=home)), CRITICAL)
    assert content.trend is not None
    calibrated = START.timestamp() + 300.0
    np.testing.assert_array_equal(np.isfinite(content.trend.health), content.trend.seconds >= calibrated)
    assert content.trend.judged == 60
    first = pages_of(asked(client, "executive", CRITICAL).content)[0]
    assert f"{content.trend.flagged} of 60 readings were flagged" in first


def test_costs_come_from_the_settings(client: httpx.Client) -> None:
    page = pages_of(asked(client, "industrial", CRITICAL).content)[3]
    assert "Total 10,700 EUR 54,000 EUR" in page  # 3500 + 6 * 1200 and 18000 + 30 * 1200
    assert "costs 43,300 EUR less than a failure" in page


def test_ten_thousand_alarms_are_counted_on_paper_and_listed_in_the_workbook(client: httpx.Client) -> None:
    pages = pages_of(asked(client, "industrial", ALARMING).content)
    assert f"OPEN ALARMS {OPEN_ALARMS:,}".replace(",", "") in pages[0].replace(",", "")
    assert "more open alarms: see the workbook" in pages[0]
    assert "more actions: most answer an open alarm, and the workbook has all of these" in pages[3]
    transitions = 3 * ALARMS - 2 * OPEN_ALARMS
    assert f"alarm transitions: {transitions:,}" in pages[4]
    rows = rows_of(sheets_of(asked(client, "excel", ALARMING).content)["Alarms"])
    assert len(rows) == 1 + ALARMS
    assert sum(row[4] == "yes" for row in rows[1:]) == OPEN_ALARMS
    assert {row[9] for row in rows[1:]} == {1}


def test_text_of_people_is_never_markup_or_a_formula(client: httpx.Client) -> None:
    page = pages_of(asked(client, "industrial", CRITICAL).content)[4]
    assert MARKUP in page
    assert EVIL in page
    sheet = sheets_of(asked(client, "excel", CRITICAL).content)["Operator Logs"]
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value in (EVIL, RICH)]
    assert [(cell.coordinate, cell.value) for cell in cells] == [("F2", EVIL), ("F4", RICH)]
    assert [cell.data_type for cell in cells] == ["s", "s"]
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


def test_a_character_that_no_font_has_is_told_by_its_number(client: httpx.Client) -> None:
    assert "軸受から異音 [U+1F600] long" in pages_of(asked(client, "industrial", JAPANESE).content)[4]


def test_pdfs_are_tagged_dated_by_their_data_and_embed_their_fonts(client: httpx.Client) -> None:
    reader = pypdf.PdfReader(io.BytesIO(asked(client, "industrial", JAPANESE).content))
    told = reader.metadata
    assert told is not None
    assert told.title == f"Industrial report: {JAPANESE}"
    assert str(told.author).startswith("Smart Sentry")
    assert "predictive maintenance" in str(told.get("/Keywords"))
    root: Any = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert b"pdfuaid:part" in root["/Metadata"].get_data()
    assert b"pdfaid:part" in root["/Metadata"].get_data()
    fonts = {name: font.get_object() for page in reader.pages for name, font in page["/Resources"]["/Font"].items()}
    assert any("NotoSansJP" in font["/BaseFont"] for font in fonts.values())
    for font in fonts.values():
        descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
        assert {"/FontFile2", "/FontFile3"} & descriptor.keys()


@pytest.mark.parametrize("kind", ["executive", "industrial", "excel", "fleet"])
def test_a_report_of_a_time_is_the_same_bytes_when_it_is_made_again_after_more_came(
    client: httpx.Client, kind: str
) -> None:
    asset = f"pump later {kind}"
    send_batch(client, healthy(120, 7, asset))
    now = client.get("/api/v1/data/history", params={"asset_id": asset, "limit": 1}).json()["readings"][0]["timestamp"]
    at = datetime.fromisoformat("2030-01-01T00:00:00+00:00") if kind == "fleet" else datetime.fromisoformat(now)
    named = None if kind == "fleet" else asset
    first = asked(client, kind, named, as_of=at.isoformat())
    if kind != "fleet":
        send_batch(client, healthy(50, 8, asset, 120))
        client.post("/api/v1/logs", json={"asset_id": asset, "author": "Ada", "text": "later"})
    again = asked(client, kind, named, as_of=at.isoformat())
    assert first.status_code == 200
    assert first.content == again.content
    if kind != "fleet":
        assert asked(client, kind, named).content != first.content


def test_workbook_has_numbers_dates_frozen_heads_filters_and_a_chart(client: httpx.Client) -> None:
    answer = asked(client, "excel", CRITICAL)
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    book = sheets_of(answer.content)
    assert book.sheetnames == ["Summary", "Alarms", "Operator Logs", "Raw Data", "Baseline", "Model"]
    raw = rows_of(book["Raw Data"])
    assert raw[0] == (
        "Time (UTC)", "current_a (A)", "speed_rpm (rpm)", "vibration_g (g)", "Phase", "Score (limit 1)", "Flagged", "Votes",
        "Health",
    )  # fmt: skip
    history = client.get("/api/v1/data/history", params={"asset_id": CRITICAL, "minutes": 60, "limit": 1000}).json()
    assert len(raw) == 1 + len(history["readings"])
    assert [row[8] is None for row in raw[1:]] == [True] * 300 + [False] * 60  # calibrated after 300 readings
    for row, read, said in zip(raw[1:], reversed(history["readings"]), reversed(history["assessments"]), strict=True):
        assert row[0] == datetime.fromisoformat(read["timestamp"]).replace(tzinfo=None)
        assert row[1:4] == pytest.approx([read[name] for name in ("current_a", "speed_rpm", "vibration_g")], rel=1e-11)
        assert (row[4], row[6], row[7]) == (said["phase"], int(said["flag"]), said["votes"])
        assert row[8] == (None if said["score"] is None else pytest.approx(said["health"], rel=1e-11))
    for name in ("Alarms", "Operator Logs", "Raw Data", "Baseline"):
        assert book[name].freeze_panes == "A2"
        assert book[name].auto_filter.ref is not None
    assert len(book["Summary"]._charts) == 1
    baseline = client.get("/api/v1/monitoring/baseline", params={"asset_id": CRITICAL}).json()["phases"]["UNKNOWN"]
    told = {row[1]: row[2] for row in rows_of(book["Baseline"])[1:]}
    assert told == pytest.approx({name: its["mean"] for name, its in baseline.items()}, rel=1e-12)


def test_a_silent_sensor_leaves_an_empty_cell(client: httpx.Client) -> None:
    raw = rows_of(sheets_of(asked(client, "excel", JAPANESE).content)["Raw Data"])
    assert [row[1] is None for row in raw[-20:]] == [place in (3, 4) for place in range(20)]


def test_fleet_report_has_every_asset_the_worst_first(client: httpx.Client) -> None:
    text = " ".join(pages_of(asked(client, "fleet").content))
    places = [text.index(name) for name in (CRITICAL, HEALTHY, UNJUDGED)]
    assert places == sorted(places)
    assert all(asset in text for asset in ASSETS)


def test_a_file_is_named_after_its_report_in_any_alphabet(client: httpx.Client) -> None:
    header = asked(client, "executive", JAPANESE).headers["content-disposition"]
    plain, _, whole = header.partition("; filename*=UTF-8''")
    assert plain.startswith('attachment; filename="executive-')
    assert plain.isascii()
    assert unquote(whole).startswith("executive-株式会社 ポンプ一号 é_b_#x$")
    assert not set(unquote(whole)) & set('/\\:*?"<>|')


@pytest.mark.parametrize("kind", ["executive", "industrial", "excel"])
def test_an_unknown_asset_is_refused(client: httpx.Client, kind: str) -> None:
    answer = asked(client, kind, "nobody")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_asset")
    assert asked(client, kind).status_code == 422


def test_a_time_before_1970_is_refused(client: httpx.Client) -> None:
    answer = asked(client, "executive", HEALTHY, as_of="1960-01-01T00:00:00Z")
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["field"] == "as_of"


def test_a_time_before_the_first_reading_has_a_report_without_figures(client: httpx.Client) -> None:
    (page,) = pages_of(asked(client, "executive", HEALTHY, as_of="2001-01-01T00:00:00Z").content)
    assert "Health is not available: no reading is stored." in page
    assert "As of 2001-01-01 00:00:00 UTC" in page


def test_reports_need_a_key_with_the_role_read(tmp_path: Path) -> None:
    keys = "read:0123456789abcdef"
    with client_of_pumps(tmp_path, api_keys=keys) as opened:
        assert asked(opened, "fleet").status_code == 401
        allowed = opened.get("/api/v1/reports/fleet", headers={"x-api-key": "0123456789abcdef"})
        assert allowed.status_code == 200
        assert "No asset is known." in pages_of(allowed.content)[0]


def test_costs_that_are_not_set_are_said_to_be_missing_and_times_stand_in_the_zone(tmp_path: Path) -> None:
    with client_of_pumps(tmp_path, cost_currency="JPY", report_time_zone="Asia/Tokyo") as opened:
        send_batch(opened, healthy(20, 1, HEALTHY))
        pages = pages_of(asked(opened, "industrial", HEALTHY, as_of="2026-01-01T00:00:19Z").content)
    assert "Costs are not configured." in pages[3]
    assert "SMART_SENTRY_COST_DOWNTIME_HOUR" in pages[3]
    assert "SMART_SENTRY_COST_CURRENCY" not in pages[3]
    assert "As of 2026-01-01 09:00:19 Asia/Tokyo (UTC+09:00)" in pages[0]
