"""Removal curves: AOPC by its definition, and the curves of a documents file."""

from hf_gradexplain.evaluation.read_documents import read_blocks


def naive_aopc(curves, max_k=None):
    """AOPC(K), the mean over documents, for `K` from 0 to `max_k`, or to the longest document's number of units."""
    max_k = max(map(len, curves)) - 1 if max_k is None else max_k
    total = [0.0] * (max_k + 1)
    for curve in curves:
        drops = 0.0
        for k in range(max_k + 1):
            drops += curve[0] - curve[min(k, len(curve) - 1)]
            total[k] += drops / (k + 1)
    return [x / len(curves) for x in total]


def read_curves(path):
    """The ids and, per method, the curves of one documents file."""
    ids, curves = [], {}
    for block in read_blocks([path]):
        ids += block.ids
        for method, ragged in block.curves.items():
            curves.setdefault(method, []).extend(ragged.rows())
    return ids, curves
