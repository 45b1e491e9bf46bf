"""Run an evaluation over a dataset: shards, processes, the run folder and its files."""
