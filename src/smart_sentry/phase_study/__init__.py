"""What the seed's phases are worth on a data set: `report.run_phase_study` measures and writes it."""
