"""Whether a new baseline may take the place of the active one: pure, without database and clock (docs/recalibration.md)."""
