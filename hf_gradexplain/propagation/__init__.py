"""Relevance propagation: the rules for the nodes of autograd graphs, and the walk that applies them.

New rules go here.
"""
