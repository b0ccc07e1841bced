"""`smart-sentry report` and the flow `file-reports`: the same reports as files, from the database alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from plant_fixture import client_of_pumps
from report_plant import ASSETS, CRITICAL, JAPANESE, asked, fill, pages_of, sheets_of

from smart_sentry.cli import main
from smart_sentry.files import file_name_of


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a plant's database, and what the service answered when it was asked for a report."""
    folder = tmp_path_factory.mktemp("project")
    with client_of_pumps(folder) as client:
        fill(client, folder)
        answer = asked(client, "executive", CRITICAL)
        assert answer.status_code == 200
        (folder / "answered.pdf").write_bytes(answer.content)
    return folder


@pytest.fixture(autouse=True)
def environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SMART_SENTRY_HOME", str(home))
    monkeypatch.setenv("SMART_SENTRY_DATABASE", f"sqlite:///{home / 'plant.db'}")
    monkeypatch.chdir(home)
    return


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Runs a command in this process; its exit code."""
    monkeypatch.setattr(sys, "argv", ["smart-sentry", *arguments])
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_command_writes_the_report_that_the_service_answered(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = home / "papers" / "critical.pdf"
    assert run(monkeypatch, "report", "executive", CRITICAL, "--out", str(out)) == 0
    assert out.read_bytes() == (home / "answered.pdf").read_bytes()
    assert str(out) in capsys.readouterr().out
    assert [path.name for path in out.parent.iterdir()] == ["critical.pdf"]


def test_command_writes_a_workbook_of_an_asset_named_in_japanese(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "report", "excel", JAPANESE, "--out", "book.xlsx") == 0
    assert sheets_of((home / "book.xlsx").read_bytes())["Summary"]["A1"].value == JAPANESE


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("poster", CRITICAL), "Name one of executive, industrial, excel, fleet."),
        (("executive", "nobody"), "nobody"),
        (("executive",), "an asset (name one)"),
    ],
)
def test_command_says_what_is_wrong_and_leaves_no_file(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    told: str,
) -> None:
    assert run(monkeypatch, "report", *arguments, "--out", "never.pdf") == 1
    assert told in capsys.readouterr().err
    assert not list(home.glob("*never*"))


def test_flow_files_every_report_of_every_asset_and_of_the_fleet(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    from pipelines import reports as flows

    links: list[str] = []
    monkeypatch.setattr(flows, "create_link_artifact", lambda link, **_: links.append(link))
    monkeypatch.setattr(flows, "create_progress_artifact", lambda *_, **__: None)
    monkeypatch.setattr(flows, "update_progress_artifact", lambda *_, **__: None)
    monkeypatch.setattr(flows, "get_run_logger", lambda: __import__("logging").getLogger("flow"))
    monkeypatch.setattr(flows, "_file", flows._file.fn)
    files = [Path(name) for name in flows.file_reports.fn()]
    kinds = {"executive": ".pdf", "industrial": ".pdf", "excel": ".xlsx"}
    assert [path.name for path in files] == ["fleet.pdf"] + [
        f"{file_name_of(f'{kind}-{asset}')}{ending}" for asset in sorted(ASSETS) for kind, ending in kinds.items()
    ]
    assert len({path.parent for path in files}) == 1
    assert files[0].parent.parent == home / "reports"
    assert links == [path.resolve().as_uri() for path in files]
    executive, industrial, workbook = files[1 + 3 * sorted(ASSETS).index(JAPANESE) :][:3]
    assert JAPANESE in pages_of(executive.read_bytes())[0]
    assert len(pages_of(industrial.read_bytes())) == 5
    assert sheets_of(workbook.read_bytes())["Summary"]["A1"].value == JAPANESE
