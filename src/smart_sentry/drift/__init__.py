"""What has shifted since a baseline was learnt, why, and whether it may lead to a recalibration: pure, without I/O or a clock."""
