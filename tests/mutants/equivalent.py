"""Mutants that change nothing that anyone could observe, each with its reason."""

EQUIVALENT: dict[tuple[str, str, str], str] = {}
"""By path below the repository, the line without its indentation, and the mutated line: the reason.

A mutant in this list is left out of the sample. Look at the line before you add one: most survivors show a missing
test.
"""
