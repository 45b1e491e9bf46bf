"""Texts that are read as windows, against the model run on each window by itself."""

import re
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn
from transformers import BertConfig, BertForSequenceClassification

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanation, Explanations
from tests.helpers.forked import FORKS
from tests.helpers.tiny import explainer, piece_tokenizer

KINDS = ("bert", "gpt2", "bart")
POOLED = {"mean": lambda logits: logits.mean(0), "max": lambda logits: logits.max(0).values}
TEXT = "the music of this film is good , not bad : a word about the actor"
LIMIT, STRIDE = 14, 4
OPTIONS = {"stride": STRIDE, "tokenizer_kwargs": {"max_length": LIMIT}}


class Naive:
    """The model, run on the tokenizer's own windows, with an embedding table of its own for each window."""

    def __init__(self, explain, pool, text=TEXT):
        self.model, self.pool = explain.model, POOLED[pool]
        own = explain.tokenizer(
            text, truncation=True, max_length=LIMIT, stride=STRIDE, return_overflowing_tokens=True,
            return_offsets_mapping=True, return_special_tokens_mask=True,
        )  # fmt: skip
        names = [name for name in own if name in explain.tokenizer.model_input_names]
        self.inputs = [
            {name: torch.tensor([own[name][i]]) for name in names}
            for i in range(len(own["overflow_to_sample_mapping"]))
        ]
        self.starts = [  # a blank belongs to the word behind it
            [None if special else len(text) - len(text[a:].lstrip()) for (a, _), special in zip(*each, strict=True)]
            for each in zip(own["offset_mapping"], own["special_tokens_mask"], strict=True)
        ]

    def tokens(self, window, span):
        return [t for t, a in enumerate(self.starts[window]) if a is not None and span[0] <= a < span[1]]

    def run(self, removed=()):
        """The pooled logits and those of each window, with deltas on the word vectors, without some spans."""
        logits, deltas = [], []
        for i, inputs in enumerate(self.inputs):
            masked = [t for span in removed for t in self.tokens(i, span)]
            delta = torch.zeros(inputs["input_ids"].shape[1], self.table.shape[1], dtype=torch.float64)
            deltas.append(delta.requires_grad_())
            logits.append(self._logits(inputs, delta, masked))
        logits = torch.stack(logits)
        return self.pool(logits), logits, deltas

    @property
    def table(self):
        return self.model.get_input_embeddings().weight.detach()

    def _logits(self, inputs, delta, masked):
        ids = inputs["input_ids"][0]

        def hook(module, args, output):
            """A decoder may read the words one place later, after its start token."""
            shift = 0 if torch.equal(args[0][0], ids) else 1
            own, keep = torch.zeros_like(output[0]), torch.ones(len(output[0]), 1, dtype=output.dtype)
            size = len(ids) - shift
            own[shift : shift + size] = delta[:size]
            for t in masked:
                keep[t + shift : t + shift + 1] = 0.0
            return (output + own) * keep

        words = [m for m in self.model.modules() if isinstance(m, nn.Embedding) and torch.equal(m.weight, self.table)]
        handles = [module.register_forward_hook(hook) for module in words]
        try:
            return self.model(**inputs).logits[0]
        finally:
            for handle in handles:
                handle.remove()


def spans_of(explanation):
    return [unit.spans[0] for unit in explanation.units]


@pytest.fixture(params=KINDS)
def explain(request):
    return explainer(request.param)


@pytest.mark.parametrize("pool", POOLED)
def test_scores_are_those_of_the_pooled_logits(explain, pool):
    naive = Naive(explain, pool)
    assert len(naive.inputs) > 2
    found = explain(TEXT, ("loo", "signed_gi", "sa_l1"), labels=1, pool=pool, **OPTIONS)
    pooled, _, deltas = naive.run()
    loss = -pooled.log_softmax(-1)[1]
    np.testing.assert_allclose(found.probabilities, pooled.softmax(-1).detach(), rtol=1e-9)
    grads = torch.autograd.grad(loss, deltas)
    assert len(found) == len(TEXT.split())
    for u, span in enumerate(spans_of(found)):
        without = -naive.run([span])[0].log_softmax(-1)[1]
        assert found["loo"][u] == pytest.approx((without - loss).item(), rel=1e-6, abs=1e-10)
        product, rows = 0.0, {}
        for i, (inputs, grad) in enumerate(zip(naive.inputs, grads, strict=True)):
            for t in naive.tokens(i, span):
                number = int(inputs["input_ids"][0, t])
                product -= float(naive.table[number] @ grad[t])
                rows[number] = rows.get(number, 0) + grad[t]
        assert found["signed_gi"][u] == pytest.approx(product, rel=1e-6, abs=1e-10)
        assert found["sa_l1"][u] == pytest.approx(float(sum(x.abs().sum() for x in rows.values())), rel=1e-6, abs=1e-10)


@pytest.mark.parametrize(("pool", "steps", "within"), [("mean", 160, 1e-3), ("max", None, 1e-2), ("max", 160, 1e-3)])
@pytest.mark.parametrize("text", [TEXT, f"{TEXT} {TEXT}"])
def test_integrated_gradients_add_up_to_the_rise_of_the_pooled_loss(explain, text, pool, steps, within):
    """Under the maximum, the path crosses kinks, where another window takes over."""
    naive = Naive(explain, pool, text)
    found = explain(text, "integrated_gradients", labels=1, pool=pool, steps=steps, **OPTIONS)
    losses = [-naive.run(removed)[0].log_softmax(-1)[1].item() for removed in ((), spans_of(found))]
    assert found["integrated_gradients"].sum() == pytest.approx(losses[1] - losses[0], rel=within)


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
@pytest.mark.parametrize("pool", ["mean", "max"])
def test_one_step_is_the_plain_gradient(explain, pool):
    text = f"{TEXT} {TEXT}"
    found = explain(text, ("integrated_gradients", "signed_gi"), labels=1, pool=pool, steps=1, **OPTIONS)
    np.testing.assert_allclose(found["integrated_gradients"], found["signed_gi"], rtol=1e-12)


def test_only_words_of_the_deciding_windows_have_scores_under_the_maximum(explain):
    naive = Naive(explain, "max")
    found = explain(TEXT, ("signed_gi", "attn_lrp"), labels=2, pool="max", objective="logit", **OPTIONS)
    logits = naive.run()[1]
    assert list(found.deciding) == logits.argmax(0).tolist()
    inside = [bool(naive.tokens(found.deciding[2], span)) for span in spans_of(found)]
    assert [score != 0 for score in found["signed_gi"]] == inside
    assert not found["attn_lrp"][~np.array(inside)].any()
    window = found.windows[found.deciding[2]]
    assert [window.start <= start and end <= window.end for start, end in spans_of(found)].count(True) <= sum(inside)


def test_the_mean_has_no_deciding_window(explain):
    found = explain(TEXT, "signed_gi", **OPTIONS)
    assert found.deciding == ()
    assert len(found.windows) == len(Naive(explain, "mean").inputs)


def test_relevance_is_the_mean_of_that_of_the_windows():
    """Each word is one token, so that a window is the same when it is read alone."""
    explain, text = explainer("bert"), "the bad is a , the is : bad , a the a bad is the :"
    found = explain(text, "attn_lrp", labels=0, objective="logit", **OPTIONS)
    assert len(found.windows) == 2
    sums = dict.fromkeys(spans_of(found), 0.0)
    for window in found.windows:
        alone = explain(text[window.start : window.end], "attn_lrp", labels=0, objective="logit")
        for (start, end), score in zip(spans_of(alone), alone["attn_lrp"], strict=True):
            sums[start + window.start, end + window.start] += score / 2
    np.testing.assert_allclose(found["attn_lrp"], list(sums.values()), rtol=1e-9, atol=1e-12)


def test_a_text_that_fits_is_explained_as_without_a_stride(explain):
    plain, read = explain(TEXT, ("loo", "signed_gi")), explain(TEXT, ("loo", "signed_gi"), stride=4)
    assert read == plain
    assert (read.windows, read.deciding) == ((), ())


@pytest.mark.parametrize("pool", POOLED)
def test_long_and_short_texts_together_and_alone(explain, pool):
    texts, methods = [TEXT, "a good film", f"{TEXT} {TEXT}", ""], ("loo", "signed_gi", "smoothgrad")
    together = explain(texts, methods, pool=pool, **OPTIONS)
    for text, found in zip(texts, together, strict=True):
        alone = explain(text, methods, pool=pool, self_check=False, **OPTIONS)
        assert (found.windows, found.deciding) == (alone.windows, alone.deciding)
        for method in methods:
            np.testing.assert_allclose(found[method], alone[method], rtol=1e-9, atol=1e-12)


def test_the_first_text_of_a_pair_stands_in_every_window():
    explain = explainer("bert")
    found = explain(("a film", TEXT), ("loo", "signed_gi"), labels=1, **OPTIONS)
    own = explain.tokenizer(
        "a film", TEXT, truncation="only_second", max_length=LIMIT, stride=STRIDE, return_overflowing_tokens=True
    )
    names = explain.tokenizer.model_input_names
    logits = [
        explain.model(**{name: torch.tensor([own[name][i]]) for name in names}).logits[0]
        for i in range(len(own["input_ids"]))
    ]
    np.testing.assert_allclose(found.probabilities, torch.stack(logits).mean(0).softmax(-1).detach(), rtol=1e-9)
    assert [unit.text for unit in found.units[:2]] == ["a", "film"]
    assert found.windows[0].start == found.pair_start == len("a film") + 1
    assert found.windows[-1].end == len(found.text)


def test_files_keep_the_windows(tmp_path):
    explain = explainer("bert")
    long, short = explain([TEXT, "a film"], "signed_gi", pool="max", **OPTIONS)
    assert long.windows
    assert Explanation.from_dict(long.to_dict()) == long
    assert Explanation.from_dict(long.to_dict()).windows == long.windows
    assert not {"windows", "deciding"} & short.to_dict().keys()
    long.save(tmp_path / "one.json")
    assert Explanation.load(tmp_path / "one.json").deciding == long.deciding
    for name in ("some.parquet", "some.jsonl"):
        Explanations([long, short]).save(tmp_path / name)
        assert Explanations.load(tmp_path / name) == [long, short]
        assert [each.windows for each in Explanations.load(tmp_path / name)] == [long.windows, ()]


def test_what_is_refused():
    explain = explainer("bert")
    with pytest.raises(GradexplainError, match="pool='max' pools windows: give their overlap as well, such as stride"):
        explain(TEXT, pool="max")
    with pytest.raises(GradexplainError, match="stride must be a number of tokens, 0 or larger, but is -1"):
        explain(TEXT, stride=-1)
    with pytest.raises(GradexplainError, match="unknown pool 'sum'; choices: mean, max"):
        explain(TEXT, stride=1, pool="sum")
    with pytest.raises(GradexplainError, match="stride, the overlap of windows, must be smaller than"):
        explain(TEXT, stride=13, tokenizer_kwargs={"max_length": 14})


@pytest.mark.parametrize("kind", ["fasttext", "textcnn", "bilstm"])
def test_models_with_shortcuts_read_windows(kind):
    explain = explainer(kind)
    found = explain(TEXT, ("loo", "signed_gi"), labels=1, **OPTIONS)
    words = [TEXT[window.start : window.end] for window in found.windows]
    logits = torch.stack([explain.model(**explain.tokenizer(each, return_tensors="pt")).logits[0] for each in words])
    np.testing.assert_allclose(found.probabilities, logits.mean(0).softmax(-1).detach(), rtol=1e-9)
    apart = explain(TEXT, ("loo", "signed_gi"), labels=1, batch_tokens=1, **OPTIONS)
    for method in ("loo", "signed_gi"):
        np.testing.assert_allclose(apart[method], found[method], rtol=1e-9, atol=1e-12)


def shown(explanation):
    """The explanation in a terminal, as HTML and as a picture."""
    console = Console(file=StringIO(), width=300)
    console.print(explanation.to_rich())
    return console.file.getvalue(), str(explanation.to_html()), explanation.to_svg()


def test_displays_say_how_a_text_was_read():
    found = explainer("bert")(TEXT, "signed_gi", labels=1, **OPTIONS)
    said = f"read in {len(found.windows)} windows of 14 tokens, whose logits are averaged"
    assert found.reading == said
    for rendered in shown(found)[:2]:
        assert said in rendered
    assert explainer("bert")("a film", "signed_gi", stride=4).reading == ""


def test_displays_name_the_window_that_decides():
    found = explainer("bert")(TEXT, "signed_gi", target=1, against=2, pool="max", **OPTIONS)
    target, against = found.deciding[1], found.deciding[2]
    assert target != against
    places = [f"(characters {found.windows[k].start} to {found.windows[k].end})" for k in (target, against)]
    assert found.reading == (
        f"read in {len(found.windows)} windows of 14 tokens; the maximum of LABEL_1 comes from window {target + 1} "
        f"{places[0]} and of LABEL_2 comes from window {against + 1} {places[1]}"
    )
    assert found.reading in shown(found)[0]


def test_displays_say_loudly_what_was_not_read():
    explain = explainer("bert")
    right = explain(TEXT, "signed_gi", tokenizer_kwargs={"max_length": LIMIT})
    left = explain(TEXT, "signed_gi", tokenizer_kwargs={"max_length": LIMIT, "truncation_side": "left"})
    pair = explain((TEXT, TEXT), "signed_gi", tokenizer_kwargs={"max_length": 2 * LIMIT})
    n = len(TEXT)
    first = left.units[0].spans[0][0]
    assert right.unread == ((right.truncated_at, n),)
    assert left.unread == ((0, first),)
    assert pair.unread == ((pair.truncated_at, n), (max(end for unit in pair for _, end in unit.spans), 2 * n + 1))
    share = int(100 * (n - right.truncated_at) / n)
    for rendered in shown(right)[:2]:
        assert f"NOT READ: characters {right.truncated_at} to {n} of {n} ({share} % of the text, in grey)" in rendered
        assert "stride=64, for example, reads the whole text" in rendered
    assert f"NOT READ: characters 0 to {first} of {n}" in shown(left)[0]
    second = explain(("a film", TEXT), "signed_gi", tokenizer_kwargs={"max_length": LIMIT})
    assert "stride=64, for example, reads the whole text" in shown(second)[0]
    assert "stride=64" not in shown(pair)[0]  # the first text is truncated: windows might have no room for it
    for explanation in (right, left, pair):
        page = str(explanation.to_html())
        assert page.count('<span class="unread">') >= 1
        assert page.count('class="u ') >= len(explanation)  # what was read has its colours


def rise_of_memory(work):
    """The result of some work, and by how many MB it raises the peak of this process."""

    def resident(field):
        return int(re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024

    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    result = work()
    return result, resident("VmHWM") - before


def reader_of_128():
    """Return a BERT that reads 128 tokens, and a document of 40 pages: 25,000 words in sentences of 20."""
    tokenizer = piece_tokenizer()
    tokenizer.model_max_length = 128
    sizes = {"hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 128}
    torch.manual_seed(0)
    model = BertForSequenceClassification(
        BertConfig(vocab_size=len(tokenizer), **sizes, max_position_embeddings=128)
    ).eval()
    words = np.random.default_rng(0).choice(["the", "is", "bad", "a", ",", "th", "film"], (1250, 20))
    return Explainer(model, tokenizer), " ".join(f"{' '.join(sentence).capitalize()}." for sentence in words)


def measure(method, batch_tokens, results):
    """Explain 40 pages in this process, which has held nothing else, and tell what it took."""
    explain, text = reader_of_128()
    explain(text[:2000], method, stride=16)
    found, rise = rise_of_memory(lambda: explain(text, method, stride=16, self_check=False, batch_tokens=batch_tokens))
    results.put((found[method], len(found.windows), rise))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks of memory are read from /proc")
@pytest.mark.parametrize("method", ["signed_gi", "attn_lrp"])
def test_a_document_of_40_pages_is_explained_in_flat_memory(method):
    measured, results = [], FORKS.SimpleQueue()
    for batch_tokens in (None, 10**6):
        process = FORKS.Process(target=measure, args=(method, batch_tokens, results))
        process.start()
        measured.append(results.get())
        process.join()
    (passes, windows, in_passes), (once, _, in_one) = measured
    assert windows > 200
    assert in_passes < in_one / 3
    np.testing.assert_allclose(passes, once, rtol=1e-3, atol=1e-3 * np.abs(once).max())


@pytest.mark.slow
def test_leave_one_out_of_40_pages_runs_only_the_windows_of_a_sentence():
    explain, text = reader_of_128()
    assert len(text.split()) == 25_000
    rows = []
    handle = explain.model.bert.register_forward_hook(lambda module, args, output: rows.append(len(output[0])))
    try:
        found = explain(text, "loo", "sentence", stride=16, self_check=False)
    finally:
        handle.remove()
    assert len(found) > 900
    assert sum(rows) < 2 * len(found) + len(found.windows)
    assert np.isfinite(found["loo"]).all()
    assert (found["loo"] != 0).all()
