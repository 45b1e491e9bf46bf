"""Where scores should lie: human rationales, and hybrid documents of two classes."""
