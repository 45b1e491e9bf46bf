"""A run over a dataset: shards, processes, the run folder, and the files it leaves."""
