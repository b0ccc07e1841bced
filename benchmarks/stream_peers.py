"""What else reads the topic: the seed's consumer, message by message, and the same logic as a Quix Streams pipeline.

`python -m benchmarks.stream_peers per-message|all-cores|quix BOOTSTRAP TOPIC DATABASE REDIS MODEL SECONDS` prints
`messages seconds processor-seconds`.

All do what the seed's document says of its consumer (7.3): keep a window of each engine's last readings, tell the phase from
it, judge the newest reading by a forest on raw sensors, publish what was found and store it. The first does so as the seed did: a
DataFrame, a prediction, a publish and a commit for every message; as `all-cores` its forest asks its trees in threads on all
cores (n_jobs=-1), as is usual for training, which costs each message a hand-over to every one of them. The last is what one
would make of it today: windows in the framework's state, the forest as ONNX, publishes and rows gathered into one round trip for
every thousand messages.
"""

from __future__ import annotations

import json
import math
import os
import pickle
import sys
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import redis

TABLE = "CREATE TABLE IF NOT EXISTS {} (asset_id text, sequence bigint, phase text, probability float8, anomalous bool)"
TABLES = {"per-message": "per_message", "all-cores": "per_message", "quix": "quix"}
CHANNEL = "peer"
GATHERED = 1000
SETTING, WINDOW, THRESHOLD = "op_setting_1", 30, 0.002
"""The seed's rule of phases."""
PICKLED, NAMES = "forest.pickle", "names.json"
"""Files of the forest; `benchmarks.stream` has just written them itself."""


def main() -> None:
    """Runs one of them for so many seconds from the first message."""
    name, bootstrap, topic, database, cache, model, seconds = sys.argv[1:]
    run: Any = {"per-message": per_message, "all-cores": partial(per_message, jobs=-1), "quix": quix}[name]
    messages, took, used = run(bootstrap, topic, database, redis.from_url(cache), Path(model), float(seconds))
    print(messages, took, used)


def per_message(
    bootstrap: str, topic: str, database: str, cache: redis.Redis, model: Path, seconds: float, jobs: int = 1
) -> tuple[int, float, float]:
    """The seed's consumer; its forest asks its trees in so many threads (-1: one a core)."""
    import pandas as pd

    forest, names = pickle.loads((model / PICKLED).read_bytes()), json.loads((model / NAMES).read_text())
    forest.n_jobs = jobs
    with psycopg.connect(database) as connection:
        connection.execute(TABLE.format(TABLES["per-message"]))
        connection.commit()
        done, begun, used = 0, 0.0, time.process_time()
        windows: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=WINDOW + 1))
        for message in _messages(bootstrap, topic, f"per-message-{os.getpid()}"):
            if not begun:
                begun, used = time.perf_counter(), time.process_time()
            reading = json.loads(message.value())
            window = windows[reading["asset_id"]]
            window.append(reading[SETTING])
            recent = pd.Series(window).rolling(WINDOW)
            volatility, trend = recent.std().iloc[-1], recent.mean().diff().iloc[-1]
            table = pd.DataFrame([{name: reading[name] for name in names}])
            probability = float(forest.predict_proba(table.to_numpy())[0, 1])
            found = (
                reading["asset_id"], reading["sequence"], phase_of(volatility, trend), probability, probability > 0.5,
            )  # fmt: skip
            cache.publish(CHANNEL, json.dumps(found))
            connection.execute("INSERT INTO per_message VALUES (%s, %s, %s, %s, %s)", found)
            connection.commit()
            done += 1
            if time.perf_counter() - begun > seconds:
                break
    return done, time.perf_counter() - begun, time.process_time() - used


def phase_of(volatility: float, trend: float) -> str:
    """The seed's rule: steady below the threshold, else up or down."""
    if not np.isfinite(trend):
        return "UNKNOWN"
    return "STEADY" if volatility < THRESHOLD else "STARTUP" if trend > 0 else "SHUTDOWN"


def _messages(bootstrap: str, topic: str, group: str) -> Iterator[Any]:
    from confluent_kafka import Consumer

    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    while True:
        message = consumer.poll(1.0)
        if message is not None and message.error() is None:
            yield message


def quix(
    bootstrap: str, topic: str, database: str, cache: redis.Redis, model: Path, seconds: float
) -> tuple[int, float, float]:
    """The pipeline on a stream framework."""
    import onnxruntime
    from quixstreams import Application, State
    from quixstreams.sinks.base import BatchingSink, SinkBatch
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    names = json.loads((model / NAMES).read_text())
    forest = convert_sklearn(
        pickle.loads((model / PICKLED).read_bytes()),
        initial_types=[("readings", FloatTensorType([None, len(names)]))], options={"zipmap": False},
    )  # fmt: skip
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(forest.SerializeToString(), options)
    connection = psycopg.connect(database)
    connection.execute(TABLE.format(TABLES["quix"]))
    connection.commit()

    class Results(BatchingSink):  # type: ignore[misc]  # Quix Streams comes without types
        """Rows by COPY and publishes in a pipeline, once a checkpoint."""

        def write(self, batch: SinkBatch) -> None:
            with connection.cursor() as cursor, cursor.copy("COPY quix FROM STDIN") as copy:
                for item in batch:
                    copy.write_row(item.value)
            connection.commit()
            pipeline = cache.pipeline(transaction=False)
            for item in batch:
                pipeline.publish(CHANNEL, json.dumps(item.value))
            pipeline.execute()

    begun, last, used, numbers = [0.0], [0.0], [0.0, 0.0], count(1)
    seen = [0]

    def judge(reading: dict[str, Any], state: State) -> tuple[str, int, str, float, bool]:
        if not begun[0]:
            begun[0], used[0] = time.perf_counter(), time.process_time()
        window = [*state.get("window", []), reading[SETTING]][-WINDOW - 1 :]
        state.set("window", window)
        trend = (window[-1] - window[0]) / WINDOW if len(window) > WINDOW else math.nan
        phase = phase_of(float(np.std(window[-WINDOW:], ddof=1)) if len(window) > 1 else math.nan, trend)
        row = np.array([[reading[name] for name in names]], dtype=np.float32)
        probability = float(session.run(None, {"readings": row})[1][0, 1])
        seen[0], last[0] = next(numbers), time.perf_counter()
        if last[0] - begun[0] > seconds:
            used[1] = time.process_time()
            app.stop()
        return reading["asset_id"], reading["sequence"], phase, probability, probability > 0.5

    app = Application(
        broker_address=bootstrap, consumer_group=f"quix-{os.getpid()}", auto_offset_reset="earliest", loglevel="WARNING",
        commit_every=GATHERED, commit_interval=5.0, state_dir=model / f"state-{os.getpid()}",
    )  # fmt: skip
    app.dataframe(app.topic(topic, value_deserializer="json")).apply(judge, stateful=True).sink(Results())
    app.run()
    connection.close()
    return seen[0], last[0] - begun[0], used[1] - used[0]


if __name__ == "__main__":
    main()
