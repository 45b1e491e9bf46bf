"""Sequences of texts: values by text are those of a list per text."""

import pytest
import torch

from hf_gradexplain.text.sequences import Sequences


@pytest.mark.parametrize("counts", [[1], [3], [2, 1, 4], [1, 1, 1]])
@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_values_are_arranged_by_text_with_zeros_where_a_text_has_fewer_sequences(counts, shape):
    text_of = torch.tensor([text for text, count in enumerate(counts) for _ in range(count)])
    sequences = Sequences.of(text_of, [()] * len(text_of))
    x = torch.arange(1.0, 1 + len(text_of) * max(1, torch.Size(shape).numel())).view(len(text_of), *shape)
    by_text = sequences.by_text(x)
    assert by_text.shape == (len(counts), max(counts), *shape)
    for found, real, values in zip(by_text, sequences.real, x.split(counts), strict=True):
        assert torch.equal(found[real], values)
        assert real.tolist() == [True] * len(values) + [False] * (max(counts) - len(values))
        assert not found[~real].any()
