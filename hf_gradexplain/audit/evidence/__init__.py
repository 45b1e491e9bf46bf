"""The evidence for one decision on one page, in plain words, for the person concerned."""
