"""Files that are whole or not there."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import pytest

from smart_sentry.files import sha256_of, write_json, write_whole


@pytest.mark.parametrize(
    ("content", "wanted"),
    [(b"\x00\xff", b"\x00\xff"), ("é", "é".encode()), (lambda part: part.write_text("made"), b"made")],
)
def test_content_of_any_kind_is_written_into_a_folder_that_is_made(
    tmp_path: Path, content: object, wanted: bytes
) -> None:
    path = tmp_path / "new" / "folder" / "file.bin"
    assert write_whole(path, content) == path  # type: ignore[arg-type]
    assert path.read_bytes() == wanted
    assert [entry.name for entry in path.parent.iterdir()] == ["file.bin"]


def test_writer_is_given_a_path_beside_the_target_with_its_ending(tmp_path: Path) -> None:
    seen = []
    write_whole(tmp_path / "table.parquet", lambda part: seen.append(part) or part.write_text("x"))
    assert seen[0].parent == tmp_path
    assert seen[0].suffix == ".parquet"  # libraries choose the format by it
    assert seen[0] != tmp_path / "table.parquet"


@pytest.mark.parametrize("before", [None, "old"])
def test_writer_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, before: str | None) -> None:
    path = tmp_path / "file.txt"
    if before is not None:
        path.write_text(before)

    def fail(part: Path) -> None:
        part.write_text("half")
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        write_whole(path, fail)
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == (
        [("file.txt", before)] if before else []
    )


def test_file_is_replaced_and_can_be_read_by_others(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "file.txt", "old and longer")
    write_whole(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_json_of_equal_content_has_equal_bytes(tmp_path: Path) -> None:
    first = write_json(tmp_path / "first.json", {"b": [1, 2.5], "a": None})
    second = write_json(tmp_path / "second.json", {"a": None, "b": [1, 2.5]})
    assert first.read_bytes() == second.read_bytes()
    assert json.loads(first.read_text()) == {"a": None, "b": [1, 2.5]}
    assert first.read_text().endswith("\n")


def test_json_that_no_other_program_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "file.json", {"f1": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_sha256_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()
