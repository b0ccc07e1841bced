"""Anomaly detection against an asset's own healthy behaviour."""
