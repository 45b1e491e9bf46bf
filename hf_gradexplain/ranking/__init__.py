"""Why a model ranks one text above another: preferred answers and reranked documents."""
