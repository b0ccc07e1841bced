"""The servers that the chaos suite disturbs."""

from services_fixture import services  # noqa: F401
