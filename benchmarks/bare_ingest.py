"""The peer of /data/simple: the least that FastAPI needs to check a reading and store it, one commit each. It judges nothing.

`BARE_DATABASE=FILE uvicorn benchmarks.bare_ingest:app`
"""

import json
import os
import sqlite3
import uuid

from fastapi import FastAPI

from smart_sentry.contracts.monitoring import SensorReading

DATABASE = sqlite3.connect(os.environ["BARE_DATABASE"], check_same_thread=False, isolation_level=None)
DATABASE.execute("PRAGMA journal_mode = WAL")
DATABASE.execute("PRAGMA synchronous = NORMAL")
DATABASE.execute(
    "CREATE TABLE readings (id INTEGER PRIMARY KEY, asset_id TEXT, reading_id TEXT, time TEXT, signals TEXT,"
    " UNIQUE (asset_id, reading_id))"
)
app = FastAPI()


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "alive"}


@app.post("/api/v1/data/simple")
async def simple(reading: SensorReading) -> dict[str, str]:
    number = reading.event_id or str(uuid.uuid4())
    DATABASE.execute(
        "INSERT INTO readings (asset_id, reading_id, time, signals) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (reading.asset_id, number, str(reading.timestamp), json.dumps(reading.__pydantic_extra__)),
    )
    return {"event_id": number}
