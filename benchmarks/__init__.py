"""Benchmarks that anyone can rerun; README.md has their tables."""
