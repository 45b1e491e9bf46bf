"""Measure the faithfulness of explanations: AOPC, correlation with leave-one-out, their uncertainty, and tables.

`evaluate_batch` measures documents, `write_documents` stores them, `make_tables` summarises the stored files, and
`headline` and `summary_table` present the tables. The formulas are in the modules `aopc`, `naopc`, `correlation`,
`bootstrap`, `median`, `comparisons`, `random_band`, `ground_truth`.
"""

from hf_gradexplain.evaluation.documents import EvaluatedDocument, read_explanations, schema, write_documents
from hf_gradexplain.evaluation.evaluate import evaluate_batch
from hf_gradexplain.evaluation.extra_measures import Measures, default_measures
from hf_gradexplain.evaluation.read_documents import count_documents
from hf_gradexplain.evaluation.summaries import headline, summary_table
from hf_gradexplain.evaluation.tables import SHORT_K, Tables, make_tables

__all__ = [
    "SHORT_K",
    "EvaluatedDocument",
    "Measures",
    "Tables",
    "count_documents",
    "default_measures",
    "evaluate_batch",
    "headline",
    "make_tables",
    "read_explanations",
    "schema",
    "summary_table",
    "write_documents",
]
