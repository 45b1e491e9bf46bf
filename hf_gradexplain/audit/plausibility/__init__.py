"""Compare scores with where evidence is expected: in human rationales, and in hybrid documents of two classes."""
