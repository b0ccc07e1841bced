"""Pins what Apache Kafka runs with, after a change of src/smart_sentry/services/kafka-pom.xml.

Maven brings it, and kafka.lock beside that file says what came.
"""

import tempfile
from pathlib import Path

from rich.console import Console

from smart_sentry.services.kafka_jars import bring, write_lock

with tempfile.TemporaryDirectory() as name:
    jars = Path(name) / "jars"
    bring(jars, {}, Console(stderr=True))
    Console().print(f"{write_lock(jars)}: {len(list(jars.iterdir()))} files pinned")
