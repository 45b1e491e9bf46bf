"""Sanity checks of methods: scores should depend on what the model has learnt, and only on the function it computes."""
