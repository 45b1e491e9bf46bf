"""Documents as a report packs them."""

import base64
import gzip
import json
from dataclasses import replace

import numpy as np
import pytest

from hf_gradexplain.viz.report_documents import DocumentPacker, mark_pieces
from hf_gradexplain.viz.report_static import static_document
from hf_gradexplain.viz.tables import format_score
from tests.helpers.report_pages import METHODS, make_document


def shown(document):
    """Return what a report shows of a document, read back from the page."""
    packer = DocumentPacker(METHODS, 0)
    packer.add(document)
    packer.index()
    (shown,) = json.loads(gzip.decompress(base64.b64decode(packer.blocks[0])))
    return shown


@pytest.mark.parametrize("size", [1e-310, 1e-25, 1e-9, 1.0, 1e3, 1e12])
def test_scores_have_the_three_digits_that_are_shown(size):
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(400)]
    scores = rng.normal(size=(len(METHODS), 400)) * 10.0 ** rng.integers(-3, 4, 400) * size
    scores[:, :9] = 0.0, -0.0, 1, -1, 1000, 999.6, 0.09996, 0.03125, 100.4
    document = replace(make_document(0, words), scores=dict(zip(METHODS, scores, strict=True)))
    for row, expected in zip(shown(document)["scores"], scores, strict=True):
        assert row == [float(f"{score:.3g}") for score in expected]
        assert [type(value) for value in row[:9]] == [int] * 6 + [float] * 2 + [int]


def test_what_people_marked_is_marked_with_and_without_scripts():
    document = make_document(1, ["not", "a", "good", "film"])
    assert "marked" not in shown(document)
    text = "".join(piece for piece, _ in document.pieces)
    start = text.index("good") + 2
    pieces, marked = mark_pieces(document.pieces, [(start, text.index("film")), (len(text) - 3, len(text))])
    assert "".join(piece for piece, _ in pieces) == text
    assert [piece for piece, is_marked in zip(pieces, marked, strict=True) if is_marked] == [
        ("good", 2), (" ", -1), ("end", -2)
    ]  # fmt: skip
    document = replace(document, pieces=pieces, marked=marked)
    assert [i for i, mark in enumerate(shown(document)["marked"]) if mark] == [4, 5, 9]
    for row in static_document(document, dict.fromkeys(METHODS, True), {}, "AOPC")["methods"]:
        assert [shade.text for shade in row["shades"] if "marked" in shade.look] == ["good", " ", "end"]
        assert [shade.look for shade in row["shades"] if shade.text == "end"] == ["unread marked"]


def test_only_estimates_have_margins():
    document = make_document(0, ["a", "b"])
    assert "margins" not in shown(document)
    estimates = replace(document, margins={METHODS[1]: np.array([0.012345, 0.0])})
    assert shown(estimates)["margins"] == {"1": [0.0123, 0]}
    rows = static_document(estimates, dict.fromkeys(METHODS, True), {}, "AOPC")["methods"]
    made = {row["name"]: [shade.score for shade in row["shades"] if shade.score] for row in rows}
    plain = [format_score(score, signed=True) for score in document.scores[METHODS[1]]]
    assert made[METHODS[1]] == [f"{plain[0]}±0.012", plain[1]]
    assert not any("±" in score for name in METHODS if name != METHODS[1] for score in made[name])


def test_without_scripts_each_method_has_its_area_and_its_correlation_if_there_is_one():
    document = replace(make_document(0, ["a"]), areas=dict.fromkeys(METHODS, -0.0456))
    document = replace(document, correlations={"random": None, "signed_gi": -0.123, "sa_l2": 0.5})
    rows = static_document(document, dict.fromkeys(METHODS, True), {}, "AOPC(2)")["methods"]
    assert {row["name"]: row["figures"] for row in rows} == {
        "random": ["AOPC(2) −0.046", "r –"],
        "loo": ["AOPC(2) −0.046"],
        "signed_gi": ["AOPC(2) −0.046", "r −0.12"],
        "sa_l2": ["AOPC(2) −0.046", "r 0.50"],
    }


def test_lengths_count_what_javascript_counts_and_controls_are_visible():
    document = make_document(0, ["a", "é", "中", "😀", "\x1b["])
    lengths = dict(zip((text for text, _ in document.pieces), shown(document)["lengths"], strict=True))
    assert lengths.items() >= {"a": 1, "é": 1, "中": 1, "😀": 2, "\x1b[": 2}.items()
    packer = DocumentPacker(METHODS, 0)
    packer.add(document)
    assert packer.index()["text"] == ["".join(text for text, _ in document.pieces).replace("\x1b", "␛")]
