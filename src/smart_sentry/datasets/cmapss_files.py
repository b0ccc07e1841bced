"""The twelve files of C-MAPSS: their pinned checksums, and how they come out of a folder or a zip, whole or not at all."""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from smart_sentry.errors import ChecksumMismatch, UnreadableData
from smart_sentry.files import sha256_of

SETS = ("FD001", "FD002", "FD003", "FD004")
NESTED_ZIP = "CMAPSSData.zip"
"""NASA's download is a zip that holds a folder with this zip."""
SHA256 = {
    "train_FD001.txt": "963b5e22825b34d8b21c69e1aeb4af3e647050eb672ee8834ba4b5d91d2de0f8",
    "train_FD002.txt": "dac6c4dbc4e7c1bdeb5747da3d313d05c395bb99801b44a002b26a2ba13d788f",
    "train_FD003.txt": "2abbe9968cc5e8eb091980f51b20f62bb4127336d3482cb52071d53bf23329e2",
    "train_FD004.txt": "27ef6160b6a1dcb2613a88de9c239f763b223f02cdc41dc5cdedc5dc189b6218",
    "test_FD001.txt": "3cda7109ce17bafb5443f2ac926cfcf88154b941b8c4cf95eb55d1ddd6f52851",
    "test_FD002.txt": "de7b5bf7e998a985c378488480528b7c02cff1406a46740def362dda8d9b4e02",
    "test_FD003.txt": "299babd63c8d987cef079c4a425429f33b3a34797d803bbe2ad48c29dbd0d790",
    "test_FD004.txt": "1dc675fff0624bac10786927c6715b37d1297657137400d2b1a3138d777a3ba5",
    "RUL_FD001.txt": "a19c8ec94931949d0485bdc35118206e9c81c4547b422efb9cf86f4ceddbceca",
    "RUL_FD002.txt": "c851dd96a6ea6998d3c4a8f834d3c8013aa90e93a6ed950dc826ad0655b2906b",
    "RUL_FD003.txt": "df1e0566306b174a2de41c67a3e7a51877889598b78643fc3e5685259091b7cb",
    "RUL_FD004.txt": "196b836b85a95ac7fdbbf29c5fdf1657382eafa445644d114ffaaf50dc2975e1",
}
"""SHA-256 of every file as NASA's Prognostics Center of Excellence published it in 2008."""

Contents = Mapping[str, Callable[[], IO[bytes]]]
"""The C-MAPSS files that an origin holds: name -> how to open it."""


def is_whole(path: Path) -> bool:
    """Whether a file stands and is the pinned one."""
    return path.is_file() and sha256_of(path) == SHA256[path.name]


@contextmanager
def contents_of(origin: Path) -> Iterator[Contents]:
    """Opens a folder or a zip. The files may stand at its top, in a sub folder, or in a nested CMAPSSData.zip.

    Raises:
        UnreadableData: a zip is cut short, damaged, encrypted or packed in an unknown way, here or while its files are read.
    """
    with ExitStack() as stack:
        try:
            yield _folder(origin, stack) if origin.is_dir() else _zip(origin, stack)
        # RuntimeError: encrypted, or of an unknown packing
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            what = "cannot be unpacked" if isinstance(error, RuntimeError) else "is damaged or cut short"
            found = f"one that {what} ({error})"
            raise UnreadableData(origin, "a whole zip archive", found, "Bring the archive again.") from error


def install(contents: Contents, names: Iterable[str], folder: Path, origin: str) -> list[str]:
    """Copies those of `names` that the origin holds. All are checked before the first one gets its name.

    Returns:
        The names that the origin held.

    Raises:
        ChecksumMismatch: a file is not the pinned one. Nothing of the origin is left in the folder.
    """
    held = [name for name in names if name in contents]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as parts:
        for name in held:
            part = Path(parts) / name
            with contents[name]() as source, part.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            actual = sha256_of(part)
            if actual != SHA256[name]:
                remedy = "It is damaged, or another edition: take NASA's own archive."
                raise ChecksumMismatch(f"{name} in {origin}", SHA256[name], actual, remedy)
        for name in held:
            (Path(parts) / name).replace(folder / name)
    return held


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _folder(origin: Path, stack: ExitStack) -> Contents:
    found: dict[str, Callable[[], IO[bytes]]] = {}
    for path in sorted(origin.rglob("*"), key=lambda path: (len(path.parts), path)):
        if path.name in SHA256 and path.is_file():
            found.setdefault(path.name, _opener(path))
    nested = sorted(origin.rglob(NESTED_ZIP))
    return _zip(nested[0], stack) if nested and not found else found


def _zip(origin: Path | IO[bytes], stack: ExitStack) -> Contents:
    archive = stack.enter_context(zipfile.ZipFile(origin))
    members = sorted((PurePosixPath(name) for name in archive.namelist()), key=lambda path: (len(path.parts), path))
    found: dict[str, Callable[[], IO[bytes]]] = {}
    for member in members:
        if member.name in SHA256:
            found.setdefault(member.name, partial(archive.open, str(member)))
    nested = [member for member in members if member.name == NESTED_ZIP]
    if nested and not found:
        return _zip(io.BytesIO(archive.read(str(nested[0]))), stack)
    return found
