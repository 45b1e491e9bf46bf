"""Encode texts: documents, batches, and the units that get one score each."""
