"""The store: readings, assessments, alarms, notes, baselines, audit and state, in SQLite or PostgreSQL by the same code."""
