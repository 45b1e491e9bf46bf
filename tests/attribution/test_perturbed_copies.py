"""Passes over perturbed copies with and without gradients, and the token budgets that each kind learns."""

from copy import deepcopy

import pytest
import torch

from hf_gradexplain.attribution.perturbed_copies import PerturbedCopies
from hf_gradexplain.classifier.memory import token_limit
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.text.collate import collate
from hf_gradexplain.text.encode import Encoder
from tests.helpers.tiny import TEXTS, explainer

POINTS = [0.25, 0.5, 1]


@pytest.mark.parametrize("graph", [True, False])
def test_only_the_kind_of_pass_that_ran_out_of_memory_is_smaller_from_then_on(graph, monkeypatch):
    shared = explainer("bert", dtype=torch.float64)
    explain = Explainer(deepcopy(shared.model), shared.tokenizer)  # the model's budget stays lower
    documents = Encoder(explain.tokenizer, None, "word")([TEXTS[0]])
    classifier = explain.profile.classifier(explain.model, Objective("loss", "softmax"), 1000)
    forward, sizes, most = explain.model.forward, [], [3]

    def limited(*args, **kwargs):
        sizes.append(len(kwargs["input_ids"]))
        if sizes[-1] > most[0]:
            raise torch.OutOfMemoryError("out of memory")
        return forward(*args, **kwargs)

    def results():
        copies = PerturbedCopies(plain, len(POINTS))
        edits = copies.on_the_line(copies.values(POINTS), copies.constant(None))
        if graph:
            return torch.cat([part.grad for part in copies.gradients(edits)])
        return torch.cat([part.logits for part in copies.forward_passes(edits)])

    monkeypatch.setattr(explain.model, "forward", limited)
    with frozen_eval_mode(explain.model):
        plain = classifier.forward(collate(documents, [0], explain.tokenizer), graph=False)
        expected = results()
        sizes[:], most[0] = [], 1
        found = results()
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    assert not found.requires_grad
    assert sizes == [3, 1, 1, 1]
    limits = {kind: token_limit(explain.model, 1000, graph=kind) for kind in (True, False)}
    assert limits == {graph: 3 * len(documents[0]) // 2, not graph: 1000}
