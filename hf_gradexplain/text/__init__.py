"""Texts, encoded: documents, batches, and the units that get one score each."""
