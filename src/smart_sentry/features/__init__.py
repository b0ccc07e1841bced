"""Window kernels and named feature sets: pure functions over readings in arrival order."""
