"""Benchmarks of the package; README.md has their results."""
