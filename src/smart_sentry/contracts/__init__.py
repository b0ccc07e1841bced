"""Messages that cross a boundary, as strict pydantic models."""
