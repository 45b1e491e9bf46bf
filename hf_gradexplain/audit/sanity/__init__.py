"""Sanity checks of methods: do their scores depend on what the model has learnt, and on nothing but its function?"""
