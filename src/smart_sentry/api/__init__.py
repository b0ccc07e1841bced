"""HTTP: routes, what a body must look like, and one map from errors to status codes."""
