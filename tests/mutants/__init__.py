"""Mutation testing: small errors in the code of the package, each of which a test should notice."""
