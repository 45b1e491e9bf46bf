"""Explain why a model ranks one text above another, for reward models and rerankers."""
