"""What a run does besides evaluating its texts is estimated as it is done."""

from dataclasses import replace

import pytest
import torch
from datasets import Dataset

from hf_gradexplain.audit.sanity.sanity import check_sanity
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.baselines import other_baselines
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.options import Options
from hf_gradexplain.options.arguments import AuditArguments
from hf_gradexplain.run.cost import Part
from hf_gradexplain.run.estimate import estimate
from hf_gradexplain.run.estimated_parts import estimate_audits, estimate_baselines
from hf_gradexplain.run.evaluation_inputs import EvaluationInputs
from hf_gradexplain.run.hybrid import hybrid_tables, hybrids_of
from hf_gradexplain.run.runner import evaluate_texts
from tests.helpers.tiny import TEXTS, explainer

LABELS = [0, 1, 2, 0, 1, 2]


@pytest.fixture
def texts():
    return Dataset.from_dict({"id": range(6), "text": [text or "bad" for text in TEXTS], "label": LABELS})


def passes_of(work):
    """The forward passes and backward passes over one text each that some work makes."""
    forward, backward, run, differentiate = [], [], HookedClassifier._run_once, torch.autograd.grad

    def count(self, inputs, *others):
        logits = run(self, inputs, *others)  # to look words up, a pass is stopped
        forward.append(len(inputs["input_ids"]))
        return logits

    def count_backward(logits, *others, **settings):
        backward.append(len(logits) if logits.ndim == 2 else 0)
        return differentiate(logits, *others, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HookedClassifier, "_run_once", count)
        patch.setattr(torch.autograd, "grad", count_backward)
        work()
    return sum(forward), sum(backward)


def estimated(*parts):
    """The passes that parts are estimated to make."""
    forward = sum(
        part.rounds * part.estimate.documents * (part.estimate.forward + part.estimate.copies) for part in parts
    )
    backward = sum(part.rounds * part.estimate.documents * part.estimate.backward for part in parts)
    return forward, backward


def test_hybrid_documents_are_counted(texts, tmp_path):
    engine, options = explainer("bert"), Options(("loo", "signed_gi"), target="label")
    (part,) = estimate_audits(engine, texts, options, AuditArguments(hybrid_documents=7))
    assert (part.name, part.estimate.documents, part.rounds) == ("hybrid documents", 7, 1)
    evaluated, hybrids = EvaluationInputs(engine, texts, "M", "D"), hybrids_of(engine, texts, options, 7)
    done = passes_of(lambda: hybrid_tables(evaluated, hybrids, options, tmp_path, {}, progress=False))
    forward, backward = estimated(part)
    assert (forward + 7, backward) == done  # each has a copy without any unit
    with pytest.raises(GradexplainError, match="hybrid documents join sentences of two classes"):
        estimate_audits(engine, texts.select([0, 3]), options, AuditArguments(hybrid_documents=7))


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_the_rounds_of_sanity_checks_are_counted(texts, kind):
    """All of them: the model, each layer, another random model, shifted word vectors, and another seed."""
    engine, options = explainer(kind), Options(("loo", "signed_gi", "random", "smoothgrad"))
    parts = estimate_audits(engine, texts, options, AuditArguments(sanity=True, sanity_samples=4))
    rounds, longest = [], max(TEXTS[:4], key=lambda text: len(text.split()))
    done = passes_of(lambda: rounds.append(check_sanity(engine, texts["text"][:4], options).rounds))
    assert [(part.name, part.estimate.documents) for part in parts] == [("sanity checks", 4), ("another seed", 4)]
    assert parts[0].rounds + 1 == rounds[0]
    twice = passes_of(lambda: [engine([longest], options.methods) for _ in range(2)])
    forward, backward = estimated(*parts)
    assert (forward + twice[0], backward + twice[1]) == done
    one, two = (replace(parts[0].estimate, seconds=0.0, parts=parts, processes=n).total_seconds for n in (1, 2))
    assert one == two > 0  # one process makes all checks
    (part,) = estimate_audits(engine, texts, Options("loo"), AuditArguments(sanity=True))
    assert part.estimate.documents == 6


def test_other_baselines_are_counted_with_their_own_shortcuts(texts):
    engine, options = explainer("textcnn"), Options(("loo", "signed_gi"))
    others, curves = other_baselines(engine, options, ["zero", "mean", "deletion"]), Measures()
    mean, deletion = estimate_baselines(engine, texts, others, curves)
    assert (mean.name, deletion.name) == ("under mean", "under deletion")
    assert (mean.of_all, deletion.of_all) == (True, True), "a smaller sample makes them cheaper"
    assert mean.estimate.saved == {"loo", "curves"}
    assert deletion.estimate.saved == frozenset()
    done = passes_of(lambda: evaluate_texts(engine, texts, others["deletion"], curves))
    assert estimated(deletion)[0] + 6 == done[0]
    words = replace(estimate(engine, texts, options), parts=(mean, deletion)).in_words()
    assert words["under mean"].startswith("6 plain, 6 backward more, about ")
    forward, backward, copies = (6 * getattr(deletion.estimate, name) for name in ("forward", "backward", "copies"))
    said = f"{forward:.0f} plain, {backward:.0f} backward, {copies:.0f} masked copies more, about "
    assert words["under deletion"].startswith(said)


def test_the_time_of_the_parts_is_that_of_the_run(texts):
    cost = replace(estimate(explainer("fasttext"), texts, Options("random")), seconds=2.0, documents=1000)
    other = Part("under mean", replace(cost, seconds=1.0), of_all=True)
    hybrid = Part("hybrid documents", replace(cost, seconds=3.0, documents=100))
    checks = Part("sanity checks", replace(cost, seconds=0.5, documents=50), rounds=4, shared=False)
    whole = replace(cost, parts=(other, hybrid, checks), processes=2)
    assert whole.total_seconds == (2000 + 1000 + 300) / 2 + 100
    words = whole.in_words()
    assert words["time"] == "about 29.2 min, at 3 s per document and 4.2 min for the other parts"
    assert words["sanity checks"] == "50 texts, 4 times: 200 plain more, about 100 s"
    assert words["ten minutes"] == "enough with 230 texts"  # (600 - 250) * 2 / 3
    cheaper = replace(whole, cheaper={("naopc", False): 0.1}).in_words()["ten minutes"]
    assert cheaper == "enough with 230 texts, or naopc=False and 580 texts"  # (600 - 250) * 2 / (0.1 * 2 + 1)
    alone = replace(whole, parts=(replace(hybrid, rounds=5), checks))
    assert alone.in_words()["ten minutes"] == "not enough for hybrid documents and sanity checks alone"


def test_an_evaluation_in_python_estimates_its_audits():
    texts = [text or "bad" for text in TEXTS]
    dry = explainer("bert").evaluate(texts, "signed_gi", labels=LABELS, hybrid_documents=3, sanity=True, dry_run=True)
    assert [part.name for part in dry.parts] == ["hybrid documents", "sanity checks"]
    assert "hybrid documents" in repr(dry)
    assert explainer("bert").evaluate(texts, "signed_gi", labels=LABELS, dry_run=True).parts == ()
