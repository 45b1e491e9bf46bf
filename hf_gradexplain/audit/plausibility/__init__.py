"""Check that high scores are where evidence is expected: in human rationales and in documents of two classes."""
