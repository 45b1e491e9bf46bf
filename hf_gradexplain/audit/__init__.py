"""Audits of a whole model: statistics over the explanations of many texts."""
