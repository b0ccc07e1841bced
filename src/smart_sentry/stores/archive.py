"""What is purged, as Parquet: one file a table, readable by anything."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Boolean, Connection, Double, LargeBinary, Row, Select, Table, Text

from smart_sentry.files import file_name_of, write_whole
from smart_sentry.stores.layouts import Layouts, read_layouts
from smart_sentry.stores.readings import VALUES

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_ROWS_AT_ONCE = 10_000
_LAYOUT, _VALUES = "layout", "values"


def new_folder(archive: Path, asset_id: str | None, time: float) -> Path:
    """A folder for one purge, named by the asset and the time (seconds since 1970 UTC), that is not there yet."""
    about = "all" if asset_id is None else f"asset-{file_name_of(asset_id)}"
    name = f"{about}-{datetime.fromtimestamp(time, UTC):%Y%m%dT%H%M%SZ}"
    folder, more = archive / name, 1
    while folder.exists():
        more += 1
        folder = archive / f"{name}-{more}"
    return folder


def write_table(connection: Connection, query: Select[Any], table: Table, path: Path) -> None:
    """Writes the rows of a query of a table; nothing where there are none.

    The columns are the table's; of readings, `signals` names the elements of `values`, which holds one number a signal.
    """
    import pyarrow as pa
    from pyarrow import parquet

    schema = _schema(table)
    decode = _decoder(connection, table)
    with connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)) as rows:
        parts = rows.partitions(_ROWS_AT_ONCE)
        first = next(parts, None)
        if first is None:
            return

        def write(part_of_file: Path) -> None:
            with parquet.ParquetWriter(part_of_file, schema) as writer:
                for chunk in itertools.chain([first], parts):
                    writer.write_table(pa.Table.from_pylist([decode(row) for row in chunk], schema=schema))

        write_whole(path, write)


def _schema(table: Table) -> pa.Schema:
    import pyarrow as pa

    def type_of(column: Any) -> pa.DataType:
        if isinstance(column.type, LargeBinary):
            return pa.list_(pa.float64())
        kinds = {Text: pa.string(), Double: pa.float64(), Boolean: pa.bool_()}
        return kinds.get(type(column.type), pa.int64())

    fields = [pa.field(column.name, type_of(column)) for column in table.columns if column.name != _LAYOUT]
    if _LAYOUT in table.c:
        fields.append(pa.field("signals", pa.list_(pa.string())))
    return pa.schema(fields)


def _decoder(connection: Connection, table: Table) -> Callable[[Row[Any]], dict[str, Any]]:
    if _LAYOUT not in table.c:
        return lambda row: dict(row._mapping)
    layouts: Layouts = {}

    def decode(row: Row[Any]) -> dict[str, Any]:
        values = dict(row._mapping)
        number = values.pop(_LAYOUT)
        if number not in layouts:
            layouts.update(read_layouts(connection, [number]))
        return values | {_VALUES: np.frombuffer(values[_VALUES], VALUES), "signals": layouts[number]}

    return decode
