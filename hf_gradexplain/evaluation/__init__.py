"""Faithfulness of explanations: AOPC, correlation with leave-one-out, their uncertainty and their tables."""
