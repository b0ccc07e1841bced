"""`make demo-stream` on a small champion: real servers, a real worker, and the truth about what came out."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import folder_for_all
from services_fixture import PROGRAMS, services_in
from small_champion import PROJECT, SmallChampion, few_engines

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN
from smart_sentry.champion import Package, package_file
from smart_sentry.config import Settings
from smart_sentry.demos.stream import run_stream_demo
from smart_sentry.demos.stream_run import wait_until_stored
from smart_sentry.errors import ServerNotReady
from smart_sentry.files import write_json
from smart_sentry.monitor import Monitor
from smart_sentry.prognosis.bootstrap import BootstrapPolicy
from smart_sentry.prognosis.evaluation import evaluate
from smart_sentry.prognosis.event_metrics import AlarmPolicy
from smart_sentry.prognosis.scored_fleet import ScoredFleet
from smart_sentry.services.catalog import services_of
from smart_sentry.services.control import start, status, stop

pytestmark = pytest.mark.long


def trained(champion: SmallChampion, home: Path) -> None:
    """What training leaves behind: bundle, package and evaluation of the whole test set."""
    shutil.copytree(champion.bundle.folder, home / "models" / "FD001" / "bundle")
    package = Package(dataset="FD001", bundle_sha256=champion.bundle.checksum, version=champion.bundle.version)
    write_json(package_file(home, "FD001"), package.model_dump())
    fleet = few_engines(home / "elsewhere", test=100)
    found = Monitor(champion.bundle).assess_frame(fleet.test)
    scored = ScoredFleet.of(found[ASSET_COLUMN], found[CYCLE_COLUMN], fleet.test_truth(), found["failure_probability"])
    report = evaluate(
        scored, champion.bundle.manifest.threshold, dataset="FD001", split="test", policy=AlarmPolicy(),
        bootstrap=BootstrapPolicy(replicates=10),
    )  # fmt: skip
    write_json(home / "data" / "processed" / "FD001" / "evaluation.json", {"champion": report.model_dump(mode="json")})


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A project of its own, with servers of its own that do not run, and no champion yet."""
    home = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT / "configs" / "assets", home / "configs" / "assets")
    (home / "serving").symlink_to(PROJECT / "serving")
    with folder_for_all() as folder:
        PROGRAMS.mkdir(parents=True, exist_ok=True)  # where nobody has brought them yet, they are brought there
        (folder / "programs").symlink_to(PROGRAMS)
        ports = services_in(folder)
        found = Settings(
            home=home, services_data=folder, kafka_port=ports.kafka.port, kafka_heap_mb=256, redis_port=ports.redis.port,
            kafka_controller_port=ports.kafka.controller_port, postgres_port=ports.postgres.port,
        )  # fmt: skip
        yield found
        stop(services_of(found), folder, print)


@pytest.mark.timeout(300)
def test_demo_trains_what_is_missing_and_finds_the_batch_figures_in_the_database(
    settings: Settings, small_champion: SmallChampion, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    asked: list[str] = []

    def train(dataset: str) -> None:
        asked.append(dataset)
        trained(small_champion, settings.home)

    assert run_stream_demo(settings, train, said.append) is True
    told, table = "\n".join(said), capsys.readouterr().out
    assert asked == ["FD001"]
    assert "The Prefect flow `train` runs now" in told
    assert "stored: 13,096 readings in" in told
    assert "predictions by operating regime: 0 13,096; assessments by risk: LOW" in told
    priorities = {one.split()[0] for one in told.partition("open alarms: ")[2].partition(";")[0].split(", ")}
    assert priorities <= {"HIGH", "CRITICAL"}, "of engines in their last cycles"
    assert "engines on the live feed: 100" in told
    report = json.loads((settings.processed_folder / "FD001" / "evaluation.json").read_text())["champion"]["row"]
    assert table.count(f"{report['f1']['value']:.6g} ") == 2
    assert table.count(f"{report['confusion']['true_negatives']:.6g} ") == 2
    assert said[-6].startswith("The worker is stopped")
    assert [one.pid for one in map(status, services_of(settings))] == [None, None, None]


@pytest.mark.timeout(300)
def test_second_run_counts_nothing_of_the_first_leaves_running_servers_alone_and_tells_a_difference(
    settings: Settings, small_champion: SmallChampion
) -> None:
    if not package_file(settings.home, "FD001").exists():
        trained(small_champion, settings.home)
    path = settings.processed_folder / "FD001" / "evaluation.json"
    whole = path.read_text()
    content = json.loads(whole)
    content["champion"]["row"]["confusion"]["true_positives"] += 1
    start(services_of(settings), settings.services_folder, print)
    before = [status(one).pid for one in services_of(settings)]
    said: list[str] = []
    try:
        path.write_text(json.dumps(content))
        assert run_stream_demo(settings, pytest.fail, said.append) is False
    finally:
        path.write_text(whole)
    assert any("stored: 13,096 readings" in line for line in said)
    assert any("NOT equal" in line for line in said)
    assert [status(one).pid for one in services_of(settings)] == before
    assert None not in before


def ended(code: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"])
    process.wait(10)
    return process


def test_worker_that_ends_is_told_with_its_log(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with pytest.raises(ServerNotReady) as told:
        wait_until_stored(lambda: 3, 10, ended(7), "http://here", log)
    assert "it ended with exit code 7 after 3 of 10 readings" in str(told.value)
    assert str(log) in str(told.value)


def test_worker_that_stores_nothing_more_is_given_up(tmp_path: Path) -> None:
    seen: list[int] = []
    counts = iter([0, 4, *[4] * 1000])
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as idle:
        try:
            with pytest.raises(ServerNotReady, match=r"4 of 10 readings are stored, and none was added within 0\.5 s"):
                wait_until_stored(lambda: next(counts), 10, idle, "http://here", tmp_path, seen.append, stall_s=0.5)
        finally:
            idle.kill()
    assert seen == [0, 4]


def test_worker_that_ended_after_the_last_row_has_done_its_work(tmp_path: Path) -> None:
    wait_until_stored(lambda: 10, 10, ended(1), "http://here", tmp_path)
