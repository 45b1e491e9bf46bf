"""Run copies of sequences without some of their units: masked by the baseline, or with their tokens cut out."""

from collections.abc import Iterator

import torch
from torch import Tensor

from hf_gradexplain.classifier.copies import Copies, Deletion, Removed, staying
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.memory import FAILURES, is_out_of_memory
from hf_gradexplain.errors import GradexplainError, one_line


def run_copies(forward: ForwardPass, sequences: Tensor, removed: Removed) -> Iterator[tuple[Tensor, Tensor]]:
    """Run `N` copies of sequences, as many at a time as the token budget allows.

    Args:
        forward: The forward pass over their texts.
        sequences: `(N,)` the sequence that each copy repeats.
        removed: Returns the units without which some copies run, `(n, U)` bool, given the indices `(n,)` of the copies.

    Returns:
        The indices `(n,)` of the copies in a pass, and their logits `(n, C)`, pass by pass.
    """
    classifier, batch, deletion = forward.classifier, forward.batch, forward.classifier.deletion
    copies = Copies.of(batch, sequences) if deletion is None else deletion.copies(batch, sequences, removed)

    def run(rows: Tensor) -> Tensor:
        some = sequences[rows]
        masked = batch.units.tokens(removed(rows), some)
        if deletion is not None:
            return _without(forward, deletion, some, masked)
        columns = batch.columns(int(copies.lengths[rows].max()))
        inputs = {name: x[:, columns][some] for name, x in batch.inputs.items()}
        return classifier.masked_logits(inputs, masked[:, columns])

    return classifier.in_passes(batch, run, graph=False, copies=copies)


def _without(forward: ForwardPass, deletion: Deletion, sequences: Tensor, deleted: Tensor) -> Tensor:
    """Return the logits `(n, C)` of sequences `(n,)` without the deleted tokens `(n, T)`.

    Raises:
        GradexplainError: The model cannot read what is left, for example because it is too short.
    """
    inputs = deletion.inputs(forward.batch, sequences, deleted)
    try:
        logits = forward.classifier.logits(inputs)
    except FAILURES as error:
        if is_out_of_memory(error):
            raise
        n = inputs["input_ids"].shape[1]
        raise GradexplainError(
            f"mask='deletion': the model cannot read what is left of a text, {n} token{'s' if n > 1 else ''} "
            f"({type(error).__name__}: {one_line(error, 200)}): choose mask='baseline', which keeps the text's length"
        ) from error
    empty = ~staying(forward.batch, sequences, deleted).any(1)
    if not torch.isfinite(logits[empty]).all():
        raise GradexplainError(
            "mask='deletion': no token is left of a text, and the model gives no finite numbers for an empty text: "
            "choose mask='baseline'"
        )
    return logits
