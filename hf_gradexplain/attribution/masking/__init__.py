"""Scores from masked copies of a text that are drawn at random, with standard errors.

A method is a function `(Game, Budget) -> Estimate`, and a source made of it, see `source.SampledSource`.
"""
