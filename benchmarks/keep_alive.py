"""Clients that keep their connections open and send requests that were made before: they cost little beside the server."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """Status, body, and how long it took."""

    status: int
    body: bytes
    seconds: float


class Client:
    """One connection."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host = f"{parts.hostname}:{parts.port}"
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> Answer:
        begun = time.perf_counter()
        self._socket.sendall(request)
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._more()
        head, _, body = got.partition(b"\r\n\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        parts, missing = [body], int(headers[b"content-length"]) - len(body)
        while missing > 0:
            parts.append(self._more())
            missing -= len(parts[-1])
        return Answer(int(head.split(b" ", 2)[1]), b"".join(parts), time.perf_counter() - begun)

    def post(self, path: str, body: Any) -> Answer:
        return self.ask(self.request("POST", path, json.dumps(body).encode()))

    def get(self, path: str) -> Answer:
        return self.ask(self.request("GET", path))

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        head = f"{method} {path} HTTP/1.1\r\nhost: {self._host}\r\n"
        if method == "POST":
            head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        return head.encode() + b"\r\n" + body

    def close(self) -> None:
        self._socket.close()

    def _more(self) -> bytes:
        part = self._socket.recv(1 << 18)
        if not part:
            raise ConnectionError("the server closed the connection before its answer was whole")
        return part


def send_all(address: str, path: str, bodies: Sequence[bytes], clients: int) -> list[Answer]:
    """POSTs bodies from so many connections at once, each sending its next when it has its answer."""
    shares = [bodies[client::clients] for client in range(clients)]
    answers: list[list[Answer]] = [[] for _ in shares]

    def work(share: int) -> None:
        client = Client(address)
        answers[share] = [client.ask(client.request("POST", path, body)) for body in shares[share]]
        client.close()

    threads = [threading.Thread(target=work, args=(share,)) for share in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answer for share in answers for answer in share]
