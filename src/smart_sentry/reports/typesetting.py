"""Typst: templates and plain values in, PDF out. The only file that knows the typesetter and the fonts.

Values reach a template as JSON, never as markup: whatever a machine is called, it is text.
"""

from __future__ import annotations

import importlib.util
import json
import re
import threading
from functools import cache
from pathlib import Path
from typing import Any, Literal

from smart_sentry.errors import ReportsUnavailable

TEMPLATES = Path(__file__).parent / "templates"
STANDARDS: list[Literal["ua-1", "a-2a"]] = ["ua-1", "a-2a"]
"""Tagged for screen readers (PDF/UA-1) and fit for an archive (PDF/A-2a): typst refuses what breaks either."""
FONT_PACKAGES = ("fontpkg_ibm_plex_sans", "justmytype_intl_cjk")
_FONT_FILES = ("*.ttf", "*.otf")
_PLAIN = re.compile(r"[\x20-\x7e\xa0-\u017f\u2010-\u2026\u2200\n]*")
"""Characters of which it is known that the text font has them; others are looked up."""
_LOCK = threading.Lock()


def typeset(template: str, page: dict[str, Any], created: float) -> bytes:
    """The PDF of a template with its values: the same bytes for the same values.

    Args:
        template: name of a file in templates/, without its ending.
        page: plain values, as JSON takes them.
        created: seconds since 1970 UTC, the document's date.

    Raises:
        ReportsUnavailable: typst or a font package is not installed.
    """
    made = _compiler(template, page).compile(format="pdf", pdf_standards=STANDARDS, timestamp=int(created))
    assert isinstance(made, bytes)
    return made


def draw(template: str, page: dict[str, Any], pixels_per_inch: float = 80.0) -> list[bytes]:
    """The same pages as PNG images."""
    made = _compiler(template, page).compile(format="png", ppi=pixels_per_inch)
    return [made] if isinstance(made, bytes) else list(made or ())


def _compiler(template: str, page: dict[str, Any]) -> Any:
    engine = _typst()
    values = json.dumps(_shown(page), ensure_ascii=False, allow_nan=False)
    path = TEMPLATES / f"{template}.typ"
    return engine.Compiler(
        path, root=TEMPLATES, font_paths=_fonts(), ignore_system_fonts=True, sys_inputs={"page": values}
    )


def _typst() -> Any:
    try:
        import typst
    except ModuleNotFoundError as error:
        raise ReportsUnavailable(str(error.name)) from error
    return typst


def _fonts() -> Any:
    with _LOCK:
        return _all_fonts()


@cache
def _all_fonts() -> Any:
    """The fonts, looked through once. None of the system's is used: a page looks the same anywhere."""
    return _typst().Fonts(include_system_fonts=False, font_paths=[str(folder) for folder in _font_folders()])


@cache
def _font_folders() -> tuple[Path, ...]:
    folders = []
    for name in FONT_PACKAGES:
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            raise ReportsUnavailable(f"the font package {name}")
        folders.append(Path(found.origin).parent)
    return tuple(folders)


def _shown(value: Any) -> Any:
    """The same values, in which every character that no font has is told by its number: nothing is lost without a word."""
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) else "".join(map(_shown_character, value))
    if isinstance(value, dict):
        return {key: _shown(one) for key, one in value.items()}
    return [_shown(one) for one in value] if isinstance(value, list | tuple) else value


def _shown_character(character: str) -> str:
    if _PLAIN.fullmatch(character) or any(ord(character) in _known(path) for path in _font_files()):
        return character
    return f"[U+{ord(character):04X}]"


@cache
def _font_files() -> tuple[Path, ...]:
    """The fonts' files, the text font's first: of most characters the first or second has the glyph."""
    return tuple(
        path for folder in _font_folders() for pattern in _FONT_FILES for path in sorted(folder.rglob(pattern))
    )


@cache
def _known(path: Path) -> frozenset[int]:
    """Code points that a font has."""
    from fontTools.ttLib import TTFont

    with TTFont(path, lazy=True) as font:
        return frozenset(font.getBestCmap())
