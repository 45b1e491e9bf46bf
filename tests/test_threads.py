"""Several threads may use the same models, tokenizers and settings of the process."""

import gc
import sys
import threading
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import pytest
import torch

from hf_gradexplain.audit import in_distribution
from hf_gradexplain.audit.sanity.model_layers import replaced_parameters
from hf_gradexplain.classifier.state import ModelState, frozen_eval_mode
from hf_gradexplain.errors import ALL_WARNINGS, warn, without_warnings
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options
from hf_gradexplain.run.fingerprints import tokenizer_fingerprint
from hf_gradexplain.text.encode import Encoder
from hf_gradexplain.text.tokenize import restored_settings, side_of
from hf_gradexplain.threads import lock_of
from tests.helpers.tiny import TEXTS as TUPLE
from tests.helpers.tiny import explainer, make

TEXTS = list(TUPLE)


@pytest.fixture
def frequent_switches():
    """Threads take turns 500 times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


class Shared:
    """Something that threads share."""


def is_free(shared):
    """Whether another thread can have the lock of an object at once."""

    def take():
        lock = lock_of(shared)
        if taken := lock.acquire(blocking=False):
            lock.release()
        return taken

    with ThreadPoolExecutor(1) as executor:
        return executor.submit(take).result()


def test_a_lock_belongs_to_an_object():
    one, other = Shared(), Shared()
    assert lock_of(one) is lock_of(one)
    with lock_of(one), lock_of(one):
        assert not is_free(one)
        assert is_free(other)
    assert is_free(one)


def test_a_lock_does_not_keep_its_object_alive():
    shared = Shared()
    lock_of(shared)
    reference = weakref.ref(shared)
    del shared
    gc.collect()
    assert reference() is None


@pytest.mark.usefixtures("frequent_switches")
def test_calls_from_several_threads_give_the_same_scores():
    explain, methods = Explainer(*make("bert")), ("signed_gi", "loo")
    alone = explain(TEXTS, methods)

    def call(n):
        again = explain(TEXTS, methods) if n % 2 else explain.stream(TEXTS, methods, progress=False)
        for one, other in zip(alone, again, strict=True):
            for name in methods:
                np.testing.assert_array_equal(one[name], other[name])
        return True

    with ThreadPoolExecutor(2) as executor:
        assert all(executor.map(call, range(12)))


@pytest.mark.usefixtures("frequent_switches")
def test_explainers_of_the_same_model_are_made_in_several_threads():
    model, tokenizer = make("gpt2")
    alone = Explainer(model, tokenizer)(TEXTS[0], "signed_gi")

    def call(_):
        return np.array_equal(Explainer(model, tokenizer)(TEXTS[0], "signed_gi")["signed_gi"], alone["signed_gi"])

    with ThreadPoolExecutor(2) as executor:
        assert all(executor.map(call, range(4)))


def test_a_stream_locks_nothing_between_two_results():
    model, tokenizer = make("textcnn")
    explain = Explainer(model, tokenizer)
    results = explain.stream(TEXTS, "loo", progress=False)
    next(results)
    assert is_free(model)
    assert is_free(tokenizer)
    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(explain, "a film", "loo").result(timeout=60).text == "a film"
    results.close()


@pytest.mark.parametrize(
    "block", [frozen_eval_mode, lambda model: replaced_parameters(model, {})], ids=["frozen", "replaced"]
)
def test_a_model_is_locked_while_it_is_changed(block):
    (model, _), (other, _) = make("textcnn"), make("textcnn")
    with block(model):
        assert not is_free(model)
        assert is_free(other)
        with block(model):
            pass
        assert not is_free(model)
    assert is_free(model)


def test_a_tokenizer_is_locked_while_its_settings_are_changed():
    _, tokenizer = make("bert")
    with restored_settings(tokenizer, "left"):
        assert tokenizer.truncation_side == "left"
        assert not is_free(tokenizer)
    assert tokenizer.truncation_side == "right"
    assert is_free(tokenizer)


def truncated_at(tokenizer):
    return Encoder(tokenizer, 6, "word")(["a fine film with a bad end"])[0].truncated_at


@pytest.mark.parametrize(
    "read", [lambda tokenizer: side_of(tokenizer, {}), truncated_at, tokenizer_fingerprint], ids=["side", "text", "sha"]
)
def test_a_setting_that_another_thread_has_changed_for_its_own_texts_is_not_seen(read):
    _, tokenizer = make("bert")
    expected = read(tokenizer)
    with ThreadPoolExecutor(1) as executor:
        with restored_settings(tokenizer, "left"):
            result = executor.submit(read, tokenizer)
            wait([result], timeout=0.3)
            assert not result.done()
            assert read(tokenizer) != expected
        assert result.result() == expected


def test_masked_copies_are_handed_out_without_a_lock():
    explain = explainer("bert")
    copies = in_distribution._run(explain, TEXTS[:2], Options("random"), (0.5,))
    assert [is_free(explain.model) for _ in copies] == [True, True]


def test_the_random_state_is_that_of_before_the_first_of_two_blocks():
    """Blocks of different models, in two threads, overlap, and the first one ends first."""
    models = [make("textcnn")[0] for _ in range(2)]
    before = torch.get_rng_state()
    blocks = [frozen_eval_mode(model) for model in models]
    with ThreadPoolExecutor(1) as executor:
        blocks[0].__enter__()
        executor.submit(blocks[1].__enter__).result()
        blocks[0].__exit__(None, None, None)
        executor.submit(blocks[1].__exit__, None, None, None).result()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_saved_state_is_never_cleared_if_only_values_have_changed():
    """Other threads may be reading the model's configuration."""

    class Attributes(dict):
        def clear(self):
            raise AssertionError

    state = ModelState(make("textcnn")[0])
    state.current, state.saved = [Attributes(pad=-1, size=8)], [{"pad": None, "size": 8}]
    with state.restore():
        pass
    assert state.current == state.saved


def said_by(work):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        work()
    return [str(each.message) for each in caught]


def test_warnings_that_were_given_are_not_given_again():
    given = set()

    def work():
        for _ in range(2):
            with without_warnings(given):
                warn("off by 2 %")
                warn("off by 10 %")
                warn("strange")
        warn("off by 3 %")

    assert said_by(work) == ["off by 2 %", "strange", "off by 3 %"]
    assert given == {"off by  %", "strange"}


def test_no_warning_is_given_within_a_block_without_any_and_other_threads_warn():
    def work():
        with without_warnings(ALL_WARNINGS):
            warn("hidden")
            with without_warnings(set()):
                warn("shown")
            warn("hidden again")
            thread = threading.Thread(target=warn, args=("in a thread",))
            thread.start()
            thread.join()

    assert said_by(work) == ["shown", "in a thread"]


def test_the_filters_of_warnings_stay_as_they_are_while_a_stream_explains():
    """`warnings.catch_warnings` changes them for all threads, and two threads may restore them in the wrong order."""
    filters, during = warnings.filters, []

    def units(text):
        during.append(warnings.filters)
        return [(0, len(text))]

    list(explainer("textcnn").stream(["a film", "bad"], "loo", units=units, progress=False))
    assert during
    assert all(each is filters for each in during)
