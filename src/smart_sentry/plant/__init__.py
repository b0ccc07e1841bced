"""The running system: readings in, everything that follows from them stored, and a state that survives a kill -9."""
