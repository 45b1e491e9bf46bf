"""Tests of token budgets: batches are halved when memory runs out, and results stay the same."""

import pytest
import torch
from torch import nn

from hf_gradexplain.classifier.memory import (
    _PADDING,
    is_out_of_memory,
    lower_limit,
    run_halving_on_oom,
    run_in_chunks,
    token_limit,
)
from hf_gradexplain.explainer import Explainer
from tests.helpers.tiny import TEXTS, make


def test_the_limit_is_learned_per_model_and_kind_of_pass():
    model, other = nn.Identity(), nn.Identity()
    assert token_limit(model, 100, graph=True) == 100
    lower_limit(model, 100, graph=True)
    assert token_limit(model, 100, graph=True) == token_limit(model, 1000, graph=True) == 50
    assert token_limit(model, 20, graph=True) == 20
    assert token_limit(model, 100, graph=False) == token_limit(other, 100, graph=True) == 100


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_the_halves_of_a_batch_take_its_place(most):
    tried = []

    def run(batch):
        tried.append(batch)
        if len(batch) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return sum(batch)

    batches = [[1, 2, 3, 4], [5], [6, 7, 8, 9, 10]]
    results = list(run_halving_on_oom(batches, len, run, nn.Identity(), graph=False))
    assert [i for batch, _ in results for i in batch] == list(range(1, 11))
    assert all(total == sum(batch) for batch, total in results)
    assert max(len(batch) for batch, _ in results) <= most
    assert sum(len(batch) > most for batch in tried) <= 2


PADDING = int(64 * _PADDING)


@pytest.mark.parametrize(
    ("lengths", "tokens", "expected"),
    [
        ([], 12, []),
        ([20], 12, [1]),
        ([4, 4, 4, 4], 12, [3, 1]),
        ([4, 4, 4, 4], 11, [2, 2]),
        ([1, 1, 20, 20], 12, [2, 1, 1]),
        ([8, 8 + PADDING], 64, [2]),
        ([8, 9 + PADDING], 64, [1, 1]),
        ([8, 8, 8 + PADDING], 64, [2, 1]),  # both would be padded
        ([8, 9, 10], 64, [3]),  # 1 and 2 times 1
        ([8, 10, 12], 64, [2, 1]),  # 2 and 2 times 2
        ([8, 10, 12, 12], 64, [2, 2]),
    ],
)
def test_copies_of_different_lengths_share_a_chunk_if_that_needs_little_padding(lengths, tokens, expected):
    chunks = [part for part, _ in run_in_chunks(nn.Identity(), lengths, tokens, lambda part: part, graph=False)]
    assert [part.stop - part.start for part in chunks] == expected
    assert [part.start for part in chunks] == [sum(expected[:i]) for i in range(len(expected))]


def test_a_single_text_that_does_not_fit_is_an_error_and_so_is_any_other():
    def run(batch):
        raise MemoryError if len(batch) == 1 else ValueError("no memory")

    with pytest.raises(MemoryError):
        next(run_halving_on_oom([[1]], len, run, nn.Identity(), graph=True))
    with pytest.raises(ValueError, match="no memory"):
        next(run_halving_on_oom([[1, 2]], len, run, nn.Identity(), graph=True))


def test_which_errors_mean_out_of_memory():
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"))
    assert is_out_of_memory(RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"))
    assert not is_out_of_memory(RuntimeError("shapes do not match"))


@pytest.mark.parametrize("library", ["CUBLAS", "CUDNN"])
def test_allocation_errors_of_gpu_libraries_mean_out_of_memory(library):
    assert is_out_of_memory(RuntimeError(f"CUDA error: {library}_STATUS_ALLOC_FAILED when calling `create(handle)`"))
    assert not is_out_of_memory(RuntimeError(f"CUDA error: {library}_STATUS_NOT_SUPPORTED when calling `run(handle)`"))


@pytest.mark.parametrize(("n", "most"), [(1, 0), (7, 0), (7, 1), (7, 3), (7, 7)])
def test_chunks_shrink_when_memory_runs_out_and_a_single_copy_is_tried_once(n, most):
    sizes = []

    def run(at):
        sizes.append(at.stop - at.start)
        if sizes[-1] > most:
            raise torch.OutOfMemoryError("CUDA out of memory")

    parts = run_in_chunks(nn.Identity(), [100] * n, 32_768, run, graph=True)
    if most:
        assert [i for at, _ in parts for i in range(at.start, at.stop)] == list(range(n))
    else:
        with pytest.raises(torch.OutOfMemoryError):
            list(parts)
    too_many = [size for size in sizes if size > most]
    assert len(too_many) == len(set(too_many)), "a size that ran out of memory is not tried again"


@pytest.mark.parametrize(
    ("lengths", "budget", "sizes"),
    [
        ([], 64, []),
        ([99, 99], 64, [1, 1]),
        ([8] * 17, 64, [8, 8, 1]),
        ([8, 12, 13], 64, [2, 1]),
        ([8, 12], 63, [1, 1]),
        ([8] * 4 + [9] * 9, 64, [7, 6]),
        ([8] * 5 + [9] * 9, 64, [5, 7, 2]),
        ([8, 8, 9, 10], 64, [3, 1]),
        ([20, 21, 22, 22], 64, [2, 2]),
    ],
)
def test_a_chunk_keeps_to_the_budget_and_a_sixteenth_of_it_may_be_padding(lengths, budget, sizes):
    chunks = run_in_chunks(nn.Identity(), lengths, budget, lambda chunk: chunk, graph=False)
    assert [chunk.stop - chunk.start for chunk, _ in chunks] == sizes


def test_explanations_are_the_same_if_memory_is_scarce():
    model, tokenizer = make("bert")
    expected = Explainer(model, tokenizer)(list(TEXTS), ("signed_gi", "loo"))
    explain, sizes = Explainer(model, tokenizer), []

    def scarce(module, args, kwargs):
        sizes.append(len(kwargs["input_ids"]))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")

    handle = model.register_forward_pre_hook(scarce, with_kwargs=True)
    explanations = explain(list(TEXTS), ("signed_gi", "loo"))
    handle.remove()
    assert max(sizes) > 2
    for x, y in zip(explanations, expected, strict=True):
        for method in y.scores:
            assert x.scores[method] == pytest.approx(y.scores[method], rel=1e-10, abs=1e-12)
