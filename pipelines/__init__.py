"""Prefect flows, one a file: every task is a call into smart_sentry."""
