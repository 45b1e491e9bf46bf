"""The two measures of faithfulness as `evaluate.Metric` classes, and as modules for the hub.

Instantiate them from here: `evaluate.load` by name would run fetched code.
"""

from hf_gradexplain.metrics.aopc import AOPC
from hf_gradexplain.metrics.loo_correlation import LOOCorrelation
from hf_gradexplain.metrics.module import metric_files

__all__ = ["AOPC", "LOOCorrelation", "metric_files"]
