"""Data contracts derived from the asset type, and the gate that no data set passes while it breaks one.

`gate.validate` is the entry point; `expectations.py` alone knows Great Expectations, everything else here is pure.
"""
