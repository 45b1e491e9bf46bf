"""Statistics over many documents: ragged arrays, correlation coefficients and sampling errors."""
