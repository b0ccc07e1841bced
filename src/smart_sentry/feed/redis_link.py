"""The publisher's way to Redis: messages in one pipeline, put in their places by a script within Redis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files

import msgspec
import redis

from smart_sentry.contracts.live import VERSION, AlarmUpdate
from smart_sentry.feed.keys import LOG_LENGTH, Keys, address_of, client_of
from smart_sentry.feed.publisher import LinkDown, Message, Source

_PATIENCE_S = 5.0
_MESSAGES_A_CALL = 500
"""Redis serves nobody else while it runs the script: a millisecond or two."""


class RedisLink:
    """Writes the feed into Redis.

    Args:
        url: of Redis; a password may stand in it.
        keys: where.
        judges: whether the publisher's process judges readings: only then is it heard as alive.

    Raises:
        ConfigurationError: the URL is none.
    """

    def __init__(self, url: str, keys: Keys | None = None, *, judges: bool = True) -> None:
        self.address, self.judges = address_of(url), judges
        self._keys, self._client = keys or Keys(), client_of(url, _PATIENCE_S)
        self._script = files("smart_sentry.feed").joinpath("publish.lua").read_text(encoding="utf-8")
        self._encode, self._sha = msgspec.json.Encoder().encode, ""

    def connect(self) -> None:
        """Brings the script to Redis."""
        with _down():
            self._sha = str(self._client.script_load(self._script))

    def fill(self, source: Source) -> None:
        """As `Link.fill`. What Redis has is read before the state, so that what comes meanwhile is never taken for purged."""
        keys = self._keys
        with _down():
            assets = {str(name) for name in self._client.hkeys(keys.assets)}
            alarms = {str(field): str(text) for field, text in self._client.hgetall(keys.alarms).items()}
        found = source.state()
        standing = {_field(alarm.asset_id, alarm.key) for alarm in found.alarms}
        told = [AlarmUpdate.model_validate_json(text) for field, text in alarms.items() if field not in standing]
        ended = source.last_steps([alarm.alarm_id for alarm in told if alarm.is_open])
        arguments: list[str] = []
        for name in assets - set(found.assets):
            arguments += self._arguments({"version": VERSION, "kind": "gone", "asset_id": name})
        for step in ended:
            arguments += self._arguments(step.model_dump(), known="ended-")
        for update in (*found.assets.values(), *found.alarms):
            arguments += self._arguments(update.model_dump(), known="old-")
        self._run(arguments)
        with _down():
            self._client.set(keys.filled, 1)

    def send(self, messages: Sequence[Message]) -> bool:
        """As `Link.send`."""
        return self._run([argument for message in messages for argument in self._arguments(message)])

    def close(self) -> None:
        """Lets go of the connection."""
        self._client.close()

    def _arguments(self, message: Message, known: str = "") -> list[str]:
        text = self._encode(message).decode()
        match message["kind"]:
            case "asset":
                return [f"{known}asset", message["asset_id"], repr(message["time"]), text]
            case "alarm":
                return [f"{known}alarm", _field(message["asset_id"], message["key"]), repr(message["time"]), text]
            case _:
                return ["gone", message["asset_id"] or "", "0", text]

    def _run(self, arguments: Sequence[str]) -> bool:
        """One round trip, however many messages; whether the feed has what it had."""
        step, names = 4 * _MESSAGES_A_CALL, self._keys.every
        with _down():
            pipeline = self._client.pipeline(transaction=False)
            for first in range(0, max(len(arguments), 1), step):
                told = msgspec.msgpack.encode(arguments[first : first + step])
                pipeline.evalsha(self._sha, len(names), *names, self._keys.name, LOG_LENGTH, int(self.judges), told)
            return bool(pipeline.execute()[-1])


def _field(asset_id: str, key: str) -> str:
    return f"{asset_id}\n{key}"


@contextmanager
def _down() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as problem:
        raise LinkDown(str(problem) or type(problem).__name__) from problem
