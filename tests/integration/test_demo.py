"""The parts of `make demo`: data or an honest word about their absence, and an answer of the packaged champion over HTTP."""

import re
from pathlib import Path

import pytest
from tiny_project import ROOT, TINY, Training

from smart_sentry.config import Settings
from smart_sentry.demos.training import ask_the_service, bring_data, show_results
from smart_sentry.servers import free_port


def test_demo_without_a_way_to_cmapss_says_so_and_takes_the_motor_fleet(tmp_path: Path) -> None:
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    nobody_listens = f"http://127.0.0.1:{free_port()}/CMAPSSData.zip"
    said: list[str] = []
    found = bring_data(Settings(home=tmp_path, cmapss=None, cmapss_url=nobody_listens), said.append)
    assert found == "motor_fleet"
    assert "C-MAPSS is not to be had here, so this is NOT the turbofan benchmark." in said[0]
    assert nobody_listens in said[0]
    assert "electric motors run to failure by simulation" in said[1]


def test_demo_asks_the_packaged_champion_over_http(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    assert training.flow_run["state"]["type"] == "COMPLETED", training.worker_log
    monkeypatch.setenv("BENTOML_HOME", training.environment["BENTOML_HOME"])
    said: list[str] = []
    ask_the_service(Settings(home=training.checkout, port=free_port()), TINY, said.append)
    asked, failure, life, causes = said
    assert re.fullmatch(r"POST http://127\.0\.0\.1:\d+/predict with the \d+ readings of asset \d+", asked)
    assert re.search(r"fails within 15 cycles with probability [01]\.\d{3}$", failure)
    assert re.search(r"remaining life: \d+ cycles \(\d+ to \d+\); in truth \d+$", life)
    assert re.search(r"moved most by (vibration|temperature|pressure) \([+-]\d", causes)
    assert f"model {TINY}-" in causes


def test_demo_shows_the_champion_beside_the_seeds_method(
    training: Training, capsys: pytest.CaptureFixture[str]
) -> None:
    assert training.flow_run["state"]["type"] == "COMPLETED", training.worker_log
    show_results(Settings(home=training.checkout), TINY)
    shown = capsys.readouterr().out
    assert "the seed's method" in shown
    assert re.search(r"F1 +│ 0\.\d+ \[.*│ 0\.\d+ \[", shown)
