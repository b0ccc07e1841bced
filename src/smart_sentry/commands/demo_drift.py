"""`smart-sentry demo-drift`. What it needs is imported when it runs."""

from __future__ import annotations

import typer


def demo_drift() -> None:
    """A motor fleet drifts, and the automation recalibrates what is safe; exit code 1 if a machine that gets worse was."""
    from smart_sentry.config import load_settings
    from smart_sentry.demo_drift import run_drift_demo
    from smart_sentry.environment import prepare_environment

    settings = load_settings()
    prepare_environment(settings)
    if not run_drift_demo(settings, typer.echo):
        raise typer.Exit(1)
