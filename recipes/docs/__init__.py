"""The documentation site: its build hooks, its pictures and its notebooks."""
