"""Scores from masked copies of a text that are drawn at random, with standard errors.

A method is a subclass of `source.SampledSource` with a method `estimate(game, budget)`.
"""
