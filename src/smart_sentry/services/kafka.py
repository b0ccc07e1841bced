"""Apache Kafka on loopback: one node that is broker and controller (KRaft)."""

from __future__ import annotations

import base64
import logging
import shutil
import signal
import socket
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from smart_sentry.errors import ConfigurationError
from smart_sentry.files import write_whole
from smart_sentry.services.kafka_jars import kafka_jars
from smart_sentry.services.service import LOOPBACK, Launch, ProgramMissing

_SILENT = logging.Logger("kafka client that waits for its broker", level=logging.CRITICAL)
_LOG_LEVEL = "-Dorg.apache.logging.log4j.level=WARN"


@dataclass(frozen=True)
class Kafka:
    """A broker without passwords, so whoever is on this machine may use it. Topics are made on purpose, never by use.

    Attributes:
        folder: holds `data/`, `server.properties`, `cluster_id` and `log`.
        jars: where Kafka's program is kept, once for all folders.
        port, controller_port: where clients connect, and where the node talks with itself.
        heap_mb: memory of the Java heap.
    """

    folder: Path
    jars: Path
    port: int
    controller_port: int
    heap_mb: int = 512
    name: str = "kafka"
    title: str = "Apache Kafka"
    stop_signal: signal.Signals = signal.SIGTERM

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.port, self.controller_port)

    @property
    def bootstrap(self) -> str:
        """For clients: `bootstrap.servers`."""
        return f"{LOOPBACK}:{self.port}"

    def prepare(self) -> Launch:
        """Brings Kafka at the first start of all, formats its storage at the first start in this folder.

        Raises:
            ProgramMissing: Java or Maven is not installed.
            KafkaNotBrought: Maven failed.
            ChecksumMismatch: what came is not what is pinned.
            ConfigurationError: the storage cannot be formatted.
        """
        java = shutil.which("java")
        if java is None:
            raise ProgramMissing("java", self.title, "default-jre-headless")
        classes = ["-cp", f"{kafka_jars(self.jars).resolve()}/*"]
        properties = write_whole(self.folder.resolve() / "server.properties", self._properties())
        if not (self.folder / "data" / "meta.properties").exists():
            _format([java, "-Xmx128m", _LOG_LEVEL, *classes], properties, _kept_cluster_id(self.folder))
        memory = [f"-Xms{min(self.heap_mb, 128)}m", f"-Xmx{self.heap_mb}m"]
        return Launch((java, *memory, "-Djava.awt.headless=true", _LOG_LEVEL, *classes, "kafka.Kafka", str(properties)))

    def answers(self) -> bool:
        """Whether a request for the cluster's metadata is answered, by a broker that clients may use."""
        try:
            socket.create_connection((LOOPBACK, self.port), timeout=2).close()
            client = AdminClient({"bootstrap.servers": self.bootstrap}, logger=_SILENT)
            return bool(client.list_topics(timeout=5).brokers)
        except (OSError, KafkaException):
            return False

    def variables(self) -> dict[str, str]:
        """SMART_SENTRY_KAFKA_BOOTSTRAP."""
        return {"SMART_SENTRY_KAFKA_BOOTSTRAP": self.bootstrap}

    def _properties(self) -> str:
        data = (self.folder / "data").resolve().as_posix()
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "listeners": f"BROKER://{self.bootstrap},CONTROLLER://{LOOPBACK}:{self.controller_port}",
            "advertised.listeners": f"BROKER://{self.bootstrap}",
            "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "BROKER",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": f"1@{LOOPBACK}:{self.controller_port}",
            "log.dirs": data,
            "broker.session.timeout.ms": 3000,  # a broker that was killed may come back after so long
            "broker.heartbeat.interval.ms": 500,
            "auto.create.topics.enable": "false",
            "log.cleaner.dedupe.buffer.size": 8_388_608,  # its 128 MB in one piece may not be there in a small heap
            "group.initial.rebalance.delay.ms": 0,  # nobody else is about to join
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())


def _kept_cluster_id(folder: Path) -> str:
    path = folder / "cluster_id"
    if not path.exists():
        write_whole(path, base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=") + "\n")
    return path.read_text().strip()


def _format(java: list[str], properties: Path, cluster_id: str) -> None:
    """`--ignore-formatted`: a formatting that was killed is taken up again."""
    # `--cluster-id=`: an id may begin with a dash.
    words = ["format", "-c", str(properties), f"--cluster-id={cluster_id}", "--ignore-formatted"]
    done = subprocess.run([*java, "kafka.tools.StorageTool", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigurationError(
            "Apache Kafka",
            f"its storage cannot be formatted: {(done.stderr or done.stdout).strip()[-2000:]}",
            "Mend this.",
        )
