"""Reproduction of Du & Xu, *Towards a Better Understanding of Gradient-Based Explanatory Methods in NLP*."""
