"""The operators' dashboard: what the live feed tells, in pages. `smart-sentry dashboard` runs it (docs/dashboard.md)."""
