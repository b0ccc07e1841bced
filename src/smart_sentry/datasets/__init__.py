"""Run-to-failure data: C-MAPSS, the simulated motor fleet and users' own files, all in one shape."""
