"""Smart Sentry: predictive maintenance that a team can run, retrain and trust."""

__version__ = "0.1.0"
