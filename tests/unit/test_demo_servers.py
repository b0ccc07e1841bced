from pathlib import Path

from pydantic import SecretStr

from smart_sentry.api.keys import ApiKeys
from smart_sentry.config import Settings
from smart_sentry.demos.motor import motor_service
from smart_sentry.demos.training import bento_server
from smart_sentry.files import write_json


def test_servers_of_demos_ask_for_no_key_on_a_machine_that_has_some(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port=3999, api_keys=SecretStr("admin:0123456789abcdef"))
    package = settings.processed_folder / "FD001" / "package.json"
    package.parent.mkdir(parents=True)
    write_json(package, {"bento": "smart_sentry:1"})
    for server in (motor_service(settings, tmp_path / "demo"), bento_server(settings, "FD001")):
        assert ApiKeys.parse(server.variables["SMART_SENTRY_API_KEYS"]).roles == ()
