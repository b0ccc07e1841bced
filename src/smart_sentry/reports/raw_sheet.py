"""Many plain rows into a sheet of a workbook: several times as fast as cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import IO, Any

DIGITS = 12
"""Significant digits of a number; dates have 15."""
_AT_ONCE = 2000


def stream_rows(sheet: Any, rows: Iterable[Sequence[Any]], date: Any, letters: Sequence[str]) -> int:
    """Writes rows below the first row of a sheet, and returns how many they were.

    XlsxWriter keeps the rows of a workbook in constant memory as XML in a file of their own: these are put there as they come.

    Args:
        sheet: a worksheet of such a workbook, of which the first row alone is written.
        rows: each a date (days) and numbers or text; None is an empty cell.
        date: the format of the first column.
        letters: names of the columns.
    """
    sheet._write_single_row(1)  # the first row, which waits for its end
    count = _write_rows(sheet.row_data_fh, rows, letters, date._get_xf_index())
    sheet.previous_row = count + 1
    sheet.dim_rowmax, sheet.dim_colmax = max(sheet.dim_rowmax or 0, count), max(sheet.dim_colmax or 0, len(letters) - 1)
    return count


def _write_rows(file: IO[str], rows: Iterable[Sequence[Any]], letters: Sequence[str], date: int) -> int:
    """Every row by the form that its kinds of cells have: one formatting a row, not one a cell."""
    forms: dict[tuple[type, ...], tuple[str, tuple[int, ...]]] = {}
    count, parts = 0, list[str]()
    for count, row in enumerate(rows, 1):
        kinds = tuple(map(type, row))
        if kinds not in forms:
            forms[kinds] = _form(kinds, letters, date), tuple(at for at, kind in enumerate(kinds) if kind is str)
        form, texts = forms[kinds]
        cells: list[Any] = [count + 1] * (2 * len(row) + 1)
        cells[2::2] = row
        for at in texts:
            cells[2 * at + 2] = escape(row[at])
        parts.append(form % tuple(cells))
        if len(parts) == _AT_ONCE:
            file.write("".join(parts))
            parts.clear()
    file.write("".join(parts))
    return count


def _form(kinds: Sequence[type], letters: Sequence[str], date: int) -> str:
    """What a row's number, and then its number and value again for each cell, are put into."""
    cells = []
    for letter, kind in zip(letters, kinds, strict=True):
        if kind is type(None):
            cells.append("%.0s%.0s")  # no cell
        elif kind is str:
            cells.append(f'<c r="{letter}%d" t="inlineStr"><is><t>%s</t></is></c>')
        elif not cells:
            cells.append(f'<c r="{letter}%d" s="{date}"><v>%.15g</v></c>')
        else:
            cells.append(f'<c r="{letter}%d"><v>%.{DIGITS}g</v></c>')
    return f'<row r="%d">{"".join(cells)}</row>'
