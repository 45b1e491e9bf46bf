"""One wrapper around any classifier: its embedding lookups, its objective, and its forward pass."""
