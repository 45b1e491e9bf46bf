"""AOPC and the correlation with leave-one-out as `evaluate.Metric` classes, and as metric modules for the hub.

Create the metrics from these classes, because `evaluate.load` by name would run downloaded code.
"""

from hf_gradexplain.metrics.aopc import AOPC
from hf_gradexplain.metrics.loo_correlation import LOOCorrelation
from hf_gradexplain.metrics.module import metric_files

__all__ = ["AOPC", "LOOCorrelation", "metric_files"]
