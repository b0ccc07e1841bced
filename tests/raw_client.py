"""librdkafka by its C functions: it sends what Kafka's client for Python refuses to send."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import confluent_kafka

_PRODUCER, _OK, _COPY = 0, 0, 2
_TOPIC, _KEY, _VALUE, _FLAGS, _HEADERS, _END = 1, 5, 4, 7, 10, 0
"""Of what rd_kafka_producev is given, by librdkafka's rd_kafka_vtype_t."""


@cache
def _library() -> Any:
    folder = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs")
    library: Any = ctypes.CDLL(str(next(folder.glob("librdkafka-*"))))
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_headers_new"):
        getattr(library, name).restype = ctypes.c_void_p
    return library


def produce(bootstrap: str, topic: str, key: bytes, value: bytes, headers: Mapping[bytes, bytes]) -> None:
    """Sends one message, to the partition where Java's clients and ours send its key, and waits for its acknowledgement."""
    library, said = _library(), ctypes.create_string_buffer(512)
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    conf = pointer(library.rd_kafka_conf_new())
    for name, given in ((b"bootstrap.servers", bootstrap.encode()), (b"partitioner", b"murmur2_random")):
        assert library.rd_kafka_conf_set(conf, name, given, said, size(len(said))) == _OK, said.value
    client = pointer(library.rd_kafka_new(_PRODUCER, conf, said, size(len(said))))
    assert client, said.value
    named = pointer(library.rd_kafka_headers_new(size(len(headers))))
    for name, given in headers.items():
        library.rd_kafka_header_add(named, name, ctypes.c_ssize_t(len(name)), given, ctypes.c_ssize_t(len(given)))
    refused = library.rd_kafka_producev(
        client, _TOPIC, topic.encode(), _VALUE, value, size(len(value)), _KEY, key, size(len(key)), _FLAGS, _COPY,
        _HEADERS, named, _END,
    )  # fmt: skip
    assert refused == _OK, refused
    assert library.rd_kafka_flush(client, 20_000) == _OK
    library.rd_kafka_destroy(client)
