"""The two measures of faithfulness as `evaluate.Metric` classes.

Instantiate them from here: `evaluate.load` by name would run fetched code.
"""

from hf_gradexplain.metrics.aopc import AOPC
from hf_gradexplain.metrics.loo_correlation import LOOCorrelation

__all__ = ["AOPC", "LOOCorrelation"]
