"""Checks run on a model before it is explained; the doctor reports their results."""
