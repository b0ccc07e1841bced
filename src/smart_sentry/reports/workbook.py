"""The workbook of an asset: what is stored, as numbers and dates to go on with. The only file that knows XlsxWriter.

Rows go to the disk as they are read, so that its size costs no memory. Text is never taken for a formula.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smart_sentry.contracts.alarms import AlarmState
from smart_sentry.errors import ReportsUnavailable
from smart_sentry.reports.content import ReportContent
from smart_sentry.reports.gather import content_of, newest_row
from smart_sentry.reports.pages import judge, kpis, trend_note, verdict
from smart_sentry.reports.pages_industrial import provenance
from smart_sentry.reports.raw_sheet import stream_rows
from smart_sentry.reports.source import ReportSource
from smart_sentry.reports.wording import NOT_AVAILABLE, Clock
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Batch

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

MOST_ROWS = 100_000
"""Readings of the sheet Raw Data, the newest; the summary says how many are stored."""
_LONGEST_TEXT = 32_000  # a cell holds 32,767 characters
_OPTIONS = {
    "constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
    "nan_inf_to_errors": False,
}  # fmt: skip
_DATE, _DAY_SECONDS, _DAYS_1900_1970 = "yyyy-mm-dd hh:mm:ss", 86_400.0, 25_569.0
_QUARTER_SECONDS = 900.0
_TREND_ROW = 24


def write_workbook(source: ReportSource, asset_id: str, path: Path, *, as_of: float | None = None) -> float:
    """Writes the workbook of an asset, as it stood at a time, out of one transaction.

    Args:
        source: where from.
        asset_id: of which asset.
        path: the file.
        as_of: seconds since 1970 UTC; None: the time of the asset's newest row.

    Returns:
        That time.

    Raises:
        UnknownAsset: nobody knows the asset. ReportsUnavailable: XlsxWriter is not installed.
    """
    clock = Clock(source.settings.report_time_zone)
    with source.store.view() as batch:
        until = newest_row(batch, asset_id) if as_of is None else as_of
        content = content_of(source, batch, asset_id, until, details=True, figures=False)
        units = {signal.name: signal.unit for signal in source.asset_types[content.asset_type].signals}
        with _workbook(path) as book:
            _Sheets(book, content, clock, units).write(batch)
    return until


def _workbook(path: Path) -> Workbook:
    try:
        from xlsxwriter import Workbook
    except ModuleNotFoundError as error:
        raise ReportsUnavailable(str(error.name)) from error
    return Workbook(str(path), _OPTIONS)


class _Sheets:
    """Writes the sheets, in the order in which they are read."""

    def __init__(self, book: Workbook, content: ReportContent, clock: Clock, units: Mapping[str, str]) -> None:
        self._book, self._content, self._clock, self._units = book, content, clock, units
        self._ahead: dict[float, float] = {}
        self._bold = book.add_format({"bold": True})
        self._title = book.add_format({"bold": True, "font_size": 16})
        self._head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self._date = book.add_format({"num_format": _DATE})
        self._wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        created = datetime.fromtimestamp(int(content.as_of), UTC).replace(tzinfo=None)
        book.set_properties({
            "title": f"Workbook: {content.asset_id}", "author": "Smart Sentry", "created": created,
            "keywords": f"predictive maintenance, {content.asset_type}",
        })  # fmt: skip

    def write(self, batch: Batch) -> None:
        """All six."""
        summary = self._book.add_worksheet("Summary")
        alarms, notes = (self._book.add_worksheet(name) for name in ("Alarms", "Operator Logs"))
        raw = self._book.add_worksheet("Raw Data")
        learnt, model = (self._book.add_worksheet(name) for name in ("Baseline", "Model"))
        first, count = self._raw(batch, raw)
        self._summary(summary, first, count)
        self._alarms(batch, alarms)
        self._notes(batch, notes)
        self._baseline(learnt)
        self._model(model)

    def _summary(self, sheet: Worksheet, first: float | None, count: int) -> None:
        content, status = self._content, self._content.status
        sheet.set_column(0, 0, 34)
        sheet.set_column(1, 1, 26)
        sheet.set_column(2, 6, 16)
        self._text(sheet, 0, 0, content.asset_id, self._title)
        rows: list[tuple[str, Any, str]] = [
            ("As of", content.as_of, self._zone_note()), ("Newest reading", content.newest_reading, self._zone_note()),
            ("Asset type", content.asset_type, content.description), ("Verdict", verdict(content), ""),
            ("Health", status.health, "of 100"), ("Grade", status.grade, "A to F"), ("Risk", status.risk, ""),
            ("Degradation", status.degradation, "0 is new, 1 is used up"), ("Score", status.score, "the limit is 1"),
            ("Remaining life", status.remaining_life_hours, "hours"),
            ("Remaining life", None if status.prediction is None else status.prediction.rul_cycles, "cycles"),
            ("Maintenance window", *_window(content)), ("Open alarms", status.open_alarms, ""),
            ("Phase", status.phase, ""), ("Judged by", judge(content, self._clock), ""),
            ("Readings stored", None if content.details is None else content.details.readings, ""),
            ("Readings in Raw Data", count, "" if first is None else f"the newest, from {self._clock.stated(first)}"),
        ]  # fmt: skip
        why = {one["label"]: one["note"] for one in kpis(content) if one["value"] == NOT_AVAILABLE}
        for row, (label, value, note) in enumerate(rows, 2):
            self._text(sheet, row, 0, label, self._bold)
            if value is None:
                reason = why.get(label) or content.why_missing or self._why(label, note)
                self._text(sheet, row, 1, f"{NOT_AVAILABLE}: {reason}" if reason else NOT_AVAILABLE)
            else:
                self._cell(sheet, row, 1, value, date=label in ("As of", "Newest reading"))
            self._text(sheet, row, 2, note)
        self._trend(sheet)

    def _why(self, label: str, unit: str) -> str:
        status = self._content.status
        if label == "Remaining life" and unit == "cycles":
            return "no failure model judges it"
        if label == "Remaining life":
            return "a failure model tells cycles" if status.prediction else "no damage was done in the last hour"
        return "the newest reading was not judged" if label == "Score" else ""

    def _zone_note(self) -> str:
        return f"all times: {self._clock.zone}"

    def _trend(self, sheet: Worksheet) -> None:
        """The trend as a table, and as a native chart beside the figures."""
        trend = self._content.trend
        self._text(sheet, _TREND_ROW - 2, 0, trend_note(self._content, self._clock))
        for column, name in enumerate((f"Time ({self._clock.zone})", "Health (of 100)")):
            self._text(sheet, _TREND_ROW - 1, column, name, self._head)
        if trend is None:
            return
        known = [
            (at, health)
            for at, health in zip(trend.seconds.tolist(), trend.health.tolist(), strict=True)
            if health == health
        ]
        for row, (at, health) in enumerate(known, _TREND_ROW):
            self._cell(sheet, row, 0, at, date=True)
            self._cell(sheet, row, 1, health)
        if known:
            self._chart(sheet, "Health", _TREND_ROW, _TREND_ROW + len(known) - 1)

    def _chart(self, sheet: Worksheet, name: str, first: int, last: int) -> None:
        chart: Any = self._book.add_chart({"type": "scatter", "subtype": "straight"})
        chart.add_series({
            "name": name, "categories": ["Summary", first, 0, last, 0], "values": ["Summary", first, 1, last, 1],
            "line": {"color": "#1f4e79", "width": 1.5},
        })  # fmt: skip
        chart.set_title({"name": "Health", "name_font": {"size": 12}})
        chart.set_y_axis({"min": 0, "max": 100, "name": "of 100"})
        chart.set_x_axis({"num_format": "mm-dd hh:mm", "name": self._clock.zone, "num_font": {"rotation": -45}})
        chart.set_legend({"none": True})
        chart.set_size({"width": 720, "height": 320})
        sheet.insert_chart("E2", chart, {"description": "Health over time"})

    def _alarms(self, batch: Batch, sheet: Worksheet) -> None:
        zone = self._clock.zone
        names = (
            "Alarm", "About", "Priority", "State", "Open", f"First step ({zone})", f"Last step ({zone})",
            f"Acknowledged ({zone})", "Acknowledged by", "Calls", "Score", "Last event", "Last author", "Last reason",
        )  # fmt: skip
        self._begin(sheet, names, (28, 20, 11, 26, 7, 20, 20, 20, 18, 7, 9, 20, 18, 60))
        row = 0
        for row, life in enumerate(batch.reports.alarm_lives(self._content.asset_id, self._content.as_of), 1):
            step = life.last
            open_now = step.to_state != AlarmState.NORMAL.value
            values = (
                step.alarm_id, step.key, step.priority, step.to_state, "yes" if open_now else "no", life.raised, step.time,
                life.acknowledged, life.by, life.calls, step.score, step.event, step.author, step.reason,
            )  # fmt: skip
            self._row(sheet, row, values, dates=(5, 6, 7))
        self._end(sheet, row, len(names))

    def _notes(self, batch: Batch, sheet: Worksheet) -> None:
        names = (f"Time ({self._clock.zone})", "Number", "Kind", "Author", "Corrects", "Text")
        self._begin(sheet, names, (20, 9, 18, 20, 10, 100))
        row, until = 0, math.nextafter(self._content.as_of, math.inf)
        for row, found in enumerate(batch.notes.history(Span(end=until), asset_id=self._content.asset_id), 1):
            note = found.note
            self._row(
                sheet, row, (note.time, found.note_id, note.kind, note.author, note.corrects, note.text), dates=(0,)
            )
        self._end(sheet, row, len(names))

    def _raw(self, batch: Batch, sheet: Worksheet) -> tuple[float | None, int]:
        """The newest readings with what was said of them; time of the first, and how many they are."""
        from xlsxwriter.utility import xl_col_to_name

        asset, until = self._content.asset_id, self._content.as_of
        first = batch.reports.time_of_last(asset, MOST_ROWS, until) or batch.reports.oldest(asset, until)
        signals = () if first is None else batch.reports.signals(asset, first, until)
        head = (
            f"Time ({self._clock.zone})",
            *self._with_units(signals),
            "Phase",
            "Score (limit 1)",
            "Flagged",
            "Votes",
            "Health",
        )
        self._begin(sheet, head, (20, *(14 for _ in signals), 11, 14, 9, 7, 9))
        rows = iter(()) if first is None else self._raw_rows(batch, first, until, signals)
        count = stream_rows(sheet, rows, self._date, [xl_col_to_name(column) for column in range(len(head))])
        self._end(sheet, count, len(head))
        return first, count

    def _raw_rows(self, batch: Batch, first: float, until: float, signals: tuple[str, ...]) -> Iterator[Sequence[Any]]:
        days = self._days
        for at, *values, phase, score, flag, votes, health in batch.reports.raw(
            self._content.asset_id, first, until, signals
        ):
            yield days(at), *values, phase, score, None if flag is None else int(flag), votes, health

    def _with_units(self, signals: Sequence[str]) -> list[str]:
        return [f"{name} ({self._units[name]})" if self._units.get(name, "1") != "1" else name for name in signals]

    def _baseline(self, sheet: Worksheet) -> None:
        names = ("Phase", "Feature", "Mean", "Standard deviation", "Least", "Greatest")
        self._begin(sheet, names, (14, 40, 16, 18, 16, 16))
        its, row = self._content.baseline, 0
        if its is None:
            reason = self._content.why_missing or "a failure model judges this asset, without a baseline"
            self._text(sheet, 1, 0, f"{NOT_AVAILABLE}: {reason}")
            return
        for phase, features in its.phases.items():
            for feature, figures in features.items():
                row += 1
                self._row(sheet, row, (phase, feature, *(figures[name] for name in ("mean", "std", "min", "max"))))
        self._end(sheet, row, len(names))

    def _model(self, sheet: Worksheet) -> None:
        self._begin(sheet, ("What", "Value"), (44, 90))
        for row, (label, value) in enumerate(provenance(self._content, self._clock), 1):
            self._text(sheet, row, 0, label)
            self._text(sheet, row, 1, value, self._wrapped)

    def _begin(self, sheet: Worksheet, names: Sequence[str], widths: Sequence[int]) -> None:
        for column, (name, width) in enumerate(zip(names, widths, strict=True)):
            sheet.set_column(column, column, width)
            self._text(sheet, 0, column, name, self._head)
        sheet.freeze_panes(1, 0)

    def _end(self, sheet: Worksheet, rows: int, columns: int) -> None:
        sheet.autofilter(0, 0, max(rows, 1), columns - 1)

    def _row(self, sheet: Worksheet, row: int, values: Sequence[Any], *, dates: Sequence[int] = ()) -> None:
        for column, value in enumerate(values):
            self._cell(sheet, row, column, value, date=column in dates)

    def _cell(self, sheet: Worksheet, row: int, column: int, value: Any, *, date: bool = False) -> None:
        if value is None:
            return
        if isinstance(value, str):
            self._text(sheet, row, column, value)
        elif math.isfinite(value):
            sheet.write_number(row, column, self._days(value) if date else value, self._date if date else None)

    def _text(self, sheet: Worksheet, row: int, column: int, text: str, style: Format | None = None) -> None:
        told = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}… (cut: {len(text):,} characters)"
        if told:
            sheet.write_string(row, column, _as_text(told), style)

    def _days(self, seconds: float) -> float:
        """A time as Excel counts it, in the zone: days since 1900, without a zone of its own."""
        quarter = seconds // _QUARTER_SECONDS  # no zone changes its offset within one
        ahead = self._ahead.get(quarter)
        if ahead is None:
            offset = self._clock.at(seconds).utcoffset()
            ahead = self._ahead[quarter] = 0.0 if offset is None else offset.total_seconds()
        return (seconds + ahead) / _DAY_SECONDS + _DAYS_1900_1970


def _as_text(text: str) -> str:
    """Text as XlsxWriter takes it for text: in constant memory it writes what begins and ends as a rich string does as it is."""
    if text.startswith("<r>") and text.endswith("</r>"):
        return f'<r><t xml:space="preserve">{escape(text, quote=False)}</t></r>'
    return text


def _window(content: ReportContent) -> tuple[float | str | None, str]:
    its = content.maintenance
    if its is None:
        return None, ""
    if its.state != "within":
        return ("due now" if its.state == "due" else "none due"), ""
    return (its.hours, "hours") if its.hours is not None else (its.cycles, "cycles")
