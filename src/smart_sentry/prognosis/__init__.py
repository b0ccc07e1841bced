"""Failure labels, models, tuning, remaining useful life and their evaluation: arrays in, arrays out."""
