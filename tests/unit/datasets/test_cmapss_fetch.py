"""Where C-MAPSS comes from, and that nothing half-written is ever left."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from smart_sentry.datasets import cmapss_files
from smart_sentry.datasets.cmapss import Cmapss
from smart_sentry.datasets.download import DownloadFailed, download
from smart_sentry.errors import ChecksumMismatch, ConfigurationError, DataUnavailable, UnreadableData

FD001 = ("train_FD001.txt", "test_FD001.txt", "RUL_FD001.txt")


@pytest.fixture
def source(turbofan, closed_address) -> Cmapss:
    """FD001 with no local origin and an address where nobody listens."""
    return Cmapss("FD001", turbofan, local=None, url=closed_address, timeout_s=0.3)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "raw"


def files_under(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("prefix", ["", "CMAPSSData/"])
def test_fetch_from_zip_brings_the_files_of_the_set(source, tiny_cmapss, make_zip, raw, tmp_path, prefix):
    archive = tmp_path / "any name.zip"
    archive.write_bytes(make_zip(tiny_cmapss, prefix))
    report = replace(source, local=archive).fetch(raw)
    assert files_under(raw) == sorted(f"cmapss/{name}" for name in FD001)
    assert (raw / "cmapss/train_FD001.txt").read_bytes() == tiny_cmapss["train_FD001.txt"]
    assert report.origin == str(archive)
    assert report.missing == ()
    assert [file.path.name for file in report.files] == list(FD001)
    assert report.files[2].sha256 == cmapss_files.SHA256["RUL_FD001.txt"]
    assert report.files[2].size_bytes == len(b"112 \n98 \n")


def test_fetch_from_nested_zip_brings_the_files_of_the_set(source, tiny_cmapss, make_nasa_zip, raw, tmp_path):
    archive = tmp_path / "nasa.zip"
    archive.write_bytes(make_nasa_zip(tiny_cmapss))
    replace(source, local=archive).fetch(raw)
    assert files_under(raw) == sorted(f"cmapss/{name}" for name in FD001)


@pytest.mark.parametrize("where", [".", "unpacked/here"])
def test_fetch_from_folder_brings_the_files_of_the_set(source, tiny_cmapss, raw, tmp_path, where):
    write(tmp_path / "mine" / where, tiny_cmapss)
    replace(source, local=tmp_path / "mine").fetch(raw)
    assert files_under(raw) == sorted(f"cmapss/{name}" for name in FD001)


def test_fetch_from_folder_with_nasa_zip_opens_it(source, tiny_cmapss, make_zip, raw, tmp_path):
    write(tmp_path / "mine", {"CMAPSSData.zip": make_zip(tiny_cmapss)})
    replace(source, local=tmp_path / "mine").fetch(raw)
    assert files_under(raw) == sorted(f"cmapss/{name}" for name in FD001)


def test_fetch_with_whole_raw_files_asks_nobody(source, tiny_cmapss, raw, web_server):
    write(raw / "cmapss", {name: tiny_cmapss[name] for name in FD001})
    report = replace(source, url=web_server.url).fetch(raw)
    assert report.origin == str(raw / "cmapss")
    assert web_server.requests == 0


def test_fetch_with_damaged_raw_file_replaces_it(source, tiny_cmapss, raw, tmp_path):
    write(raw / "cmapss", {name: tiny_cmapss[name] for name in FD001} | {"test_FD001.txt": b"half a fi"})
    replace(source, local=write(tmp_path / "mine", tiny_cmapss)).fetch(raw)
    assert (raw / "cmapss/test_FD001.txt").read_bytes() == tiny_cmapss["test_FD001.txt"]


def test_fetch_with_damaged_truth_and_no_origin_does_not_pass_it(source, tiny_cmapss, raw):
    write(raw / "cmapss", {name: tiny_cmapss[name] for name in FD001} | {"RUL_FD001.txt": b"1\n2\n"})
    with pytest.raises(DataUnavailable, match=r"wrong checksum: RUL_FD001\.txt"):
        source.fetch(raw)


def test_fetch_without_truth_file_reports_it_missing(source, tiny_cmapss, raw, tmp_path):
    without = {name: content for name, content in tiny_cmapss.items() if name != "RUL_FD004.txt"}
    fd004 = replace(source, name="FD004", local=write(tmp_path / "mine", without))
    report = fd004.fetch(raw)
    assert report.missing == ("RUL_FD004.txt",)
    assert [file.path.name for file in report.files] == ["train_FD004.txt", "test_FD004.txt"]
    assert fd004.load(raw).test_final_rul_cycles is None
    assert replace(fd004, local=None).fetch(raw).missing == ("RUL_FD004.txt",)


@pytest.mark.parametrize("wrong", FD001)
def test_fetch_of_a_file_with_wrong_checksum_leaves_nothing(source, tiny_cmapss, make_zip, raw, tmp_path, wrong):
    archive = tmp_path / "cmapss.zip"
    archive.write_bytes(make_zip(tiny_cmapss | {wrong: b"another edition"}))
    with pytest.raises(ChecksumMismatch) as caught:
        replace(source, local=archive).fetch(raw)
    assert caught.value.expected == cmapss_files.SHA256[wrong]
    assert wrong in caught.value.path
    assert files_under(raw) == []


def test_fetch_from_truncated_zip_leaves_nothing(source, tiny_cmapss, make_zip, raw, tmp_path):
    whole = make_zip(tiny_cmapss)
    (tmp_path / "cmapss.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableData, match="damaged or cut short"):
        replace(source, local=tmp_path / "cmapss.zip").fetch(raw)
    assert not raw.exists()


def test_fetch_from_zip_with_flipped_bits_leaves_nothing(source, tiny_cmapss, make_zip, raw, tmp_path):
    damaged = bytearray(make_zip(tiny_cmapss))
    start = damaged.index(b"train_FD001.txt") + len("train_FD001.txt")
    for position in range(start + 20, start + 60):
        damaged[position] ^= 0xFF
    (tmp_path / "cmapss.zip").write_bytes(damaged)
    with pytest.raises(UnreadableData, match="damaged or cut short"):
        replace(source, local=tmp_path / "cmapss.zip").fetch(raw)
    assert files_under(raw) == []


@pytest.mark.parametrize(("offset", "value", "says"), [(8, 1, "encrypted"), (10, 99, "compression")])
def test_fetch_from_zip_that_cannot_be_unpacked_leaves_nothing(
    source, tiny_cmapss, make_zip, raw, tmp_path, offset, value, says
):
    archive = bytearray(make_zip(tiny_cmapss))
    entry = archive.find(b"PK\x01\x02")  # of the central directory: flags at 8, method at 10
    while entry >= 0:
        archive[entry + offset] = value
        entry = archive.find(b"PK\x01\x02", entry + 4)
    (tmp_path / "cmapss.zip").write_bytes(archive)
    with pytest.raises(UnreadableData, match=f"cannot be unpacked.*{says}"):
        replace(source, local=tmp_path / "cmapss.zip").fetch(raw)
    assert files_under(raw) == []


def test_fetch_from_network_brings_all_sets_and_names_the_address(source, tiny_cmapss, make_nasa_zip, raw, web_server):
    web_server.body = make_nasa_zip(tiny_cmapss)
    report = replace(source, url=web_server.url).fetch(raw)
    assert report.origin == web_server.url
    assert files_under(raw) == sorted(f"cmapss/{name}" for name in tiny_cmapss)
    assert web_server.requests == 1


def test_fetch_with_local_origin_that_lacks_the_set_goes_on_to_the_network(
    source, tiny_cmapss, make_zip, raw, tmp_path, web_server
):
    web_server.body = make_zip(tiny_cmapss)
    others = {name: content for name, content in tiny_cmapss.items() if "FD002" in name}
    report = replace(source, local=write(tmp_path / "mine", others), url=web_server.url).fetch(raw)
    assert report.origin == web_server.url


def test_fetch_with_connection_cut_half_way_leaves_nothing(source, tiny_cmapss, make_zip, raw, web_server):
    web_server.body, web_server.manner = make_zip(tiny_cmapss), "cut"
    size = len(web_server.body)
    with pytest.raises(DataUnavailable, match=f"ended after {size // 2} of {size} bytes"):
        replace(source, url=web_server.url).fetch(raw)
    assert files_under(raw) == []


@pytest.mark.parametrize(
    ("manner", "reason"), [("refused", "HTTP status 503"), ("silent", "no answer within|timed out")]
)
def test_fetch_from_failing_server_leaves_nothing(source, raw, web_server, manner, reason):
    web_server.manner = manner
    with pytest.raises(DataUnavailable, match=reason):
        replace(source, url=web_server.url).fetch(raw)
    assert files_under(raw) == []


def test_fetch_of_a_web_page_in_place_of_the_archive_is_unreadable(source, raw, web_server):
    web_server.body = b"<html>Sign in to this network</html>"
    with pytest.raises(UnreadableData, match="zip"):
        replace(source, url=web_server.url).fetch(raw)
    assert files_under(raw) == []


def test_fetch_offline_says_all_that_was_tried_and_what_to_do(source, raw, closed_address):
    with pytest.raises(DataUnavailable) as caught:
        source.fetch(raw)
    in_raw, variable, address = caught.value.tried
    assert in_raw == f"{raw / 'cmapss'} (no train_FD001.txt, test_FD001.txt)"
    assert variable == "$SMART_SENTRY_CMAPSS (not set)"
    assert address.startswith(f"{closed_address}: no connection")
    for way_out in ("SMART_SENTRY_CMAPSS", "data/raw/cmapss", "motor_fleet"):
        assert way_out in caught.value.remedy


def test_fetch_with_local_path_that_does_not_exist_blames_the_setting(source, raw, tmp_path):
    with pytest.raises(ConfigurationError, match="SMART_SENTRY_CMAPSS"):
        replace(source, local=tmp_path / "nowhere.zip").fetch(raw)


def test_download_of_an_address_that_is_not_http_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="file:///etc/hosts"):
        download("file:///etc/hosts", tmp_path / "target", 1.0)


def test_download_shows_bytes_of_the_whole(web_server, tmp_path):
    web_server.body = b"x" * 300_000
    screen = io.StringIO()
    download(web_server.url, tmp_path / "target", 5.0, Console(file=screen, force_terminal=True, width=120))
    assert (tmp_path / "target").read_bytes() == web_server.body
    assert "300.0/300.0 kB" in screen.getvalue()


def test_download_that_is_cut_tells_how_far_it_came(web_server, tmp_path):
    web_server.body, web_server.manner = b"x" * 1000, "cut"
    with pytest.raises(DownloadFailed, match="500 of 1000 bytes"):
        download(web_server.url, tmp_path / "target", 5.0)
