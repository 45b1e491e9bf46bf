"""Gradient-based explanations of text classifiers."""
