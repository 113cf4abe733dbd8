"""Measures speed against peers and limits, as ratios in one run: `make bench` prints one table."""
