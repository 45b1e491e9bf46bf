"""Numbers of many documents at once: ragged arrays, coefficients of correlation, sampling errors."""
