"""Every architecture behind `AutoModelForSequenceClassification`, as the installed transformers has them."""

import pytest
import torch

from hf_gradexplain.errors import GradexplainError
from tests.architectures.measure import TEXTS, Subject
from tests.architectures.zoo import MODEL_TYPES, OVERRIDES, InFloat64
from tests.snapshot import snapshot

TOLERANCE = 1e-8


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_numbers_are_those_of_the_model_itself(model_type):
    errors = Subject.of(model_type).errors()
    assert errors.gradient <= TOLERANCE
    assert errors.leave_one_out <= TOLERANCE
    assert errors.batch <= TOLERANCE


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_model_is_left_as_found(model_type):
    subject = Subject.of(model_type)
    subject.model.train()
    before = snapshot(subject.model, subject.tokenizer)
    with InFloat64():
        subject.explainer(list(TEXTS[:2]), ("sa_l2", "loo"))
    assert snapshot(subject.model, subject.tokenizer) == before


def test_every_override_is_of_a_known_architecture():
    assert set(OVERRIDES) <= set(MODEL_TYPES)


def test_quantised_model_is_refused_gradients_but_not_leave_one_out(monkeypatch):
    monkeypatch.setitem(OVERRIDES, "ibert", {"quant_mode": True})
    explainer = Subject.of("ibert").explainer
    with pytest.raises(GradexplainError, match="loo"):
        explainer(TEXTS[0], "signed_gi")
    assert torch.from_numpy(explainer(TEXTS[0], "loo").scores["loo"]).isfinite().all()
