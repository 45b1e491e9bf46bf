"""Attribution methods: sources of evidence, the formulas that score it, and `METHODS`. New methods go here."""
