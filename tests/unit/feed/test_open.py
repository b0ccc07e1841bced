"""Who is heard on the live feed as alive: whoever judges."""

from __future__ import annotations

from pathlib import Path

import pytest
from plant_fixture import sqlite_in

from smart_sentry.config import Settings
from smart_sentry.feed.redis_link import RedisLink
from smart_sentry.plant.open import open_plant

NOBODY = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize(("ingest", "judges"), [("store", True), ("kafka", False)])
def test_service_is_heard_on_the_feed_only_where_it_judges(tmp_path: Path, ingest: str, judges: bool) -> None:
    settings = Settings(home=tmp_path, database=sqlite_in(tmp_path), redis_url=NOBODY, ingest=ingest)
    plant = open_plant(settings)
    try:
        assert plant.publisher is not None
        link = plant.publisher._link
        assert isinstance(link, RedisLink)
        assert link.judges is judges
    finally:
        plant.publisher.close()
        plant.store.close()
