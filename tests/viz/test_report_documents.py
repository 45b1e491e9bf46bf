"""Documents as a report packs them."""

import base64
import gzip
import json
from dataclasses import replace
from itertools import islice

import numpy as np
import pandas as pd
import pytest

from hf_gradexplain.viz import report_documents
from hf_gradexplain.viz.palette import AGAINST
from hf_gradexplain.viz.pieces import Pieces, mark_pieces
from hf_gradexplain.viz.report_app import Part, _page_data, chart
from hf_gradexplain.viz.report_documents import DocumentPacker, ReportDocument, curve_points
from hf_gradexplain.viz.report_static import shade, static_document
from hf_gradexplain.viz.tables import format_score
from tests.helpers.report_pages import METHODS, make_document, report_page


def shown(document):
    """Return what a report shows of a document, read back from the page."""
    packer = DocumentPacker(METHODS, 0)
    packer.add(document)
    packer.index()
    (shown,) = json.loads(gzip.decompress(base64.b64decode(packer.blocks[0])))
    return shown


@pytest.mark.parametrize("size", [1e-310, 1e-25, 1e-22, 1e-9, 1.0, 1e3, 1e12])
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
        assert [shade.look for shade in row["shades"] if shade.text == " " and shade.look] == ["marked"]


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


@pytest.mark.parametrize(("prediction", "more"), [(None, True), (0, False)])
def test_small_outputs_have_more_digits(prediction, more):
    document = made(
        prediction=prediction,
        value=-0.00123456,
        areas={"loo": 0.00012345},
        curves={"loo": np.array([0.012345678, 0.0])},
    )
    document = replace(document, curves={"loo": np.array([-0.00123456, 0.0, 1e-6])})
    packer = DocumentPacker(["loo"], 1)
    packer.add(document)
    index = packer.index()
    assert index["value"] == [-0.00123 if more else -0.0012]
    assert index["areas"] == [[0.000123 if more else 0.0001]]
    assert unpacked(packer.blocks[0])[0]["curves"] == [[-0.00123, 0, 0] if more else [-0.0012, 0, 0]]
    static = static_document(document, {"loo": True}, {}, "AOPC(2)")
    assert static["value"] == ("−0.0012" if more else "−0.001")
    assert static["methods"][0]["figures"][0] == ("AOPC(2) 0.00012" if more else "AOPC(2) 0.000")


def test_charts_of_small_outputs_have_more_digits():
    frame = lines(3)
    assert chart(frame, title="", x="", note="")["digits"] == 3
    small = chart(frame.assign(aopc=0.00123456, ci_low=-1e-7, ci_high=1.23456789), title="", x="", note="")
    assert small["digits"] == 4
    assert {(*line["values"], *line["low"], *line["high"]) for line in small["lines"]} == {
        (0.001235,) * 3 + (0,) * 3 + (1.234568,) * 3
    }


def test_lengths_count_what_javascript_counts_and_controls_are_visible():
    document = make_document(0, ["a", "é", "中", "😀", "\x1b["])
    lengths = dict(zip((text for text, _ in document.pieces), shown(document)["lengths"], strict=True))
    assert lengths.items() >= {"a": 1, "é": 1, "中": 1, "😀": 2, "\x1b[": 2}.items()
    packer = DocumentPacker(METHODS, 0)
    packer.add(document)
    assert packer.index()["text"] == ["".join(text for text, _ in document.pieces).replace("\x1b", "␛")]


def made(row=0, **changes):
    """A document of two words, with numbers that show how they are rounded."""
    document = ReportDocument(
        row=row, pieces=Pieces.join([("aa", 0), (" ", -1), ("b", 1)]), target=1, prediction=0, label=2,
        names={0: "x", 1: "y", 2: "z"}, value=0.123456, confidence=0.987654, truncated=False,
        scores={"loo": np.array([1.23456, -2.0])}, curves={"loo": np.array([0.123456, 0.5, 1.0])},
        areas={"loo": 0.123456}, correlations={"loo": 0.123456},
    )  # fmt: skip
    return replace(document, **changes)


def unpacked(block):
    return json.loads(gzip.decompress(base64.b64decode(block)))


def test_the_index_and_the_shown_document_in_numbers():
    packer = DocumentPacker(["loo"], 1)
    packer.add(made())
    assert packer.size == 4 // 2 + 40
    packer.add(made(7, value=1.0, confidence=None, prediction=None, truncated=True, correlations={}, against="w"))
    assert (len(packer), packer.rows, len(packer.first)) == (2, (0, 7), 1)
    assert packer.blocks == []
    assert packer.index() == {
        "row": [0, 7],
        "text": ["aa b", "aa b"],
        "target": [1, 1],
        "against": ["", "w"],
        "prediction": [0, None],
        "label": [2, 2],
        "value": [0.1235, 1.0],
        "confidence": [0.9877, None],
        "truncated": [0, 1],
        "areas": [[0.1235, 0.1235]],
        "r": [[0.123, None]],
        "starts": [0],
        "classes": {0: "x", 1: "y", 2: "z"},
    }
    (block,) = packer.blocks
    assert packer.size == 2 * (4 // 2 + 40) + len(block)
    one = {"lengths": [2, 1, 1], "owners": [0, -1, 1], "scores": [[1.23, -2]], "curves": [[0.1235, 0.5, 1.0]]}
    assert unpacked(block) == [one, one]
    assert not packer.has_rationales


def test_a_block_ends_when_it_has_the_size(monkeypatch):
    size = len(json.dumps(unpacked(packed_one())[0], separators=(",", ":")))
    monkeypatch.setattr(report_documents, "BLOCK_BYTES", 2 * size)
    packer = DocumentPacker(["loo"], 0)
    for row in range(5):
        packer.add(made(row))
    assert len(packer.blocks) == 2
    assert packer.index()["starts"] == [0, 2, 4]
    assert [len(unpacked(block)) for block in packer.blocks] == [2, 2, 1]
    assert "against" not in packer.index()


def test_a_packer_continues_with_the_documents_of_another(monkeypatch):
    """The parts are in blocks of their own; everything else is as if one packer had packed all documents."""
    size = len(gzip.decompress(base64.b64decode(packed_one()))) - 2
    monkeypatch.setattr(report_documents, "BLOCK_BYTES", 2 * size)
    sizes, at = (3, 0, 1), iter(range(4))
    whole, joined = DocumentPacker(["loo"], 2), DocumentPacker(["loo"], 2)
    for n in sizes:
        part = DocumentPacker(["loo"], 2)
        for row in islice(at, n):
            document = made(row, names={row: f"class {row}"}, marked=[row == 1])
            part.add(document)
            whole.add(document)
        joined.extend(part)
    assert len(joined) == 4
    assert (joined.rows, joined.has_rationales) == ((0, 3), True)
    assert [document.row for document in joined.first] == [0, 1]
    index, of_whole = joined.index(), whole.index()
    assert (index.pop("starts"), of_whole.pop("starts")) == ([0, 2, 3], [0, 2])
    assert index == of_whole
    assert [len(unpacked(block)) for block in joined.blocks] == [2, 1, 1]
    assert [d for block in joined.blocks for d in unpacked(block)] == [d for b in whole.blocks for d in unpacked(b)]
    assert joined.size == whole.size - sum(map(len, whole.blocks)) + sum(map(len, joined.blocks))


def test_a_block_that_is_not_full_stays_before_the_documents_of_another_packer():
    joined, part = DocumentPacker(["loo"], 9), DocumentPacker(["loo"], 9)
    joined.add(made(5))
    part.add(made(6))
    joined.extend(part)
    joined.add(made(7))
    assert joined.index()["row"] == [5, 6, 7]
    assert joined.index()["starts"] == [0, 1, 2]
    values = [unpacked(block) for block in joined.blocks]
    assert [len(block) for block in values] == [1, 1, 1]
    assert [document.row for document in joined.first] == [5, 6, 7]


def packed_one():
    packer = DocumentPacker(["loo"], 0)
    packer.add(made())
    packer.index()
    return packer.blocks[0]


def test_without_documents_the_index_is_empty():
    packer = DocumentPacker(["loo"], 3)
    assert packer.index() == {"areas": [], "r": [], "starts": [], "classes": {}}
    assert (packer.blocks, packer.size, packer.first) == ([], 0, [])


def test_long_curves_are_drawn_at_sixty_points_at_most():
    assert curve_points(0).tolist() == [0]
    assert curve_points(59).tolist() == list(range(60))
    assert len(curve_points(60)) < 60
    points = curve_points(10_000)
    assert len(points) <= 60
    assert points[:5].tolist() == [0, 1, 2, 3, 4]
    assert points[-1] == 10_000
    n = 70
    words = Pieces.join([(f"w{i}", i) for i in range(n)])
    scores, curve = {"loo": np.ones(n)}, {"loo": np.arange(n + 1) / n}
    packer = DocumentPacker(["loo"], 0)
    packer.add(made(pieces=words, scores=scores, curves=curve))
    packer.index()
    (document,) = unpacked(packer.blocks[0])
    assert document["ks"] == curve_points(n).tolist()
    assert document["curves"] == [np.round(np.array(document["ks"]) / n, 4).tolist()]


@pytest.mark.parametrize(
    ("scores", "signed", "looks"),
    [
        ([1.0, -1.0, 0.0], True, ["u for s20", "u against s20", "u  s0"]),
        ([1.0, 0.024, 0.026], True, ["u for s20", "u for s0", "u for s1"]),
        ([2.0, 1.0, 0.0], False, ["u amount s20", "u amount s10", "u  s0"]),
        ([2.0, -1.0, 0.0], False, ["u for s20", "u against s10", "u  s0"]),
        ([0.0, 0.0, 0.0], True, ["u  s0"] * 3),
    ],
)
def test_colours_have_twenty_steps(scores, signed, looks):
    pieces = Pieces.join([("a", 0), ("b", 1), (" ", -1), ("c", 2), ("rest", -2)])
    found = shade(pieces, np.array(scores), signed)
    assert [piece.look for piece in found] == [*looks[:2], "", looks[2], "unread"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"label": "z", "prediction": "x", "target": "y", "value": "0.123", "confidence": "0.988"}),
        ({"target": 0}, {"target": "", "against": ""}),
        ({"target": 0, "against": "w"}, {"target": "x", "against": "w"}),
        ({"label": None}, {"label": ""}),
        ({"label": 9}, {"label": ""}),
        ({"prediction": None, "value": -0.5}, {"prediction": "", "value": "−0.500"}),
        ({"confidence": None}, {"confidence": ""}),
        ({"pieces": Pieces.join([(" ", -1), ("rest", -2)])}, {"is_empty": True}),
        ({"pieces": Pieces.join([(" ", -1), ("word", 0)])}, {"is_empty": False}),
        ({"remarks": {"loo": "equal"}}, {"remarks": ["equal", "warning"]}),
    ],
)  # fmt: skip
def test_the_facts_of_a_document_without_scripts(changes, expected):
    shown = static_document(made(**changes), {"loo": True}, {"loo": "warning"}, "AOPC(10)")
    (method,) = shown["methods"]
    assert (shown | {"remarks": method["remarks"]}).items() >= ({"is_empty": False, "row": 0} | expected).items()
    assert method["figures"] == ["AOPC(10) 0.123", "r 0.12"]


def lines(n, methods=("a", "b")):
    rows = [(method, k, k / 7, k / 8, np.nan) for method in methods for k in reversed(range(n))]
    return pd.DataFrame(rows, columns=["method", "k", "aopc", "ci_low", "ci_high"])


def test_a_chart_has_the_lines_of_all_methods_and_the_band():
    band = pd.DataFrame({"k": [1, 0], "low": [0.123456, 0], "high": [0.2, np.nan]})
    made = chart(lines(3), title="t", x="k", note="n", band=band)
    assert (made["title"], made["x"], made["note"], made["ks"]) == ("t", "k", "n", [0, 1, 2])
    assert [line["name"] for line in made["lines"]] == ["a", "b"]
    assert made["lines"][0]["values"] == [0.0, 0.14286, 0.28571]
    assert made["lines"][0]["low"] == [0.0, 0.125, 0.25]
    assert made["lines"][0]["high"] == [None] * 3
    assert made["band"] == {"ks": [0, 1], "low": [0.0, 0.12346], "high": [None, 0.2]}
    assert "band" not in chart(lines(3), title="", x="", note="", band=band.iloc[:0])
    assert "band" not in chart(lines(3), title="", x="", note="")


def test_intervals_are_drawn_also_if_their_ends_are_zero():
    assert chart(lines(1, ["a"]), title="", x="", note="")["lines"][0]["low"] == [0]
    unknown = lines(3, ["a"]).assign(ci_low=np.nan)
    assert not {"low", "high"} & set(chart(unknown, title="", x="", note="")["lines"][0])


@pytest.mark.parametrize(("n", "points"), [(120, 120), (121, None), (5000, None)])
def test_the_lines_of_a_chart_have_120_points_at_most(n, points):
    ks = chart(lines(n, ["a"]), title="", x="", note="")["ks"]
    assert len(ks) == points if points else 60 < len(ks) <= 120
    assert (ks[:4], ks[-1]) == ([0, 1, 2, 3], n - 1)


def test_lines_have_the_colours_and_dashes_of_the_methods():
    looks = chart(lines(2, ["loo", "random", "sa_raw"]), title="", x="", note="")["lines"]
    assert [(line["color"], line["dash"]) for line in looks] == [
        ("#1a1a1a", ""), ("#757575", "2 3.2"), (AGAINST, "12 3 2.4 3"),
    ]  # fmt: skip


def test_the_scripts_get_the_methods_and_the_limits_of_the_filters():
    page = report_page()
    data = _page_data(page)
    assert data["limits"] == {"unsure": 0.6, "disagrees": 0.2}
    assert (data["leading"], data["shortK"], data["areaName"]) == (2, 2, "AOPC(2)")
    first = data["methods"][0]
    assert (first["name"], first["signed"], first["reference"], first["color"]) == ("random", False, False, "#757575")
    assert Part("label", "href").current is False
    empty = page.without_results()
    assert (empty.headline, empty.facts, empty.notes, empty.tables, empty.audits) == ("", {}, (), (), ())
    assert (empty.curves, empty.charts, empty.figures, empty.title, empty.methods) == (
        {}, (), {}, page.title, page.methods,
    )  # fmt: skip


def test_a_block_depends_on_nothing_but_its_documents_and_its_size_is_counted():
    packer = DocumentPacker(METHODS, 0)
    packer.add(make_document(0, ["good", "film"]))
    assert "against" not in packer.index()
    (block,) = packer.blocks
    assert base64.b64decode(block)[4:8] == bytes(4), "gzip writes no time"
    assert packer.size == len("good film ") // 2 + 40 + len(block)
    packer.add(replace(make_document(2, ["bad"]), against="Sports"))
    assert packer.index()["against"] == ["", "Sports"]
    assert packer.index()["starts"] == [0, 1]
    assert len(packer.blocks) == 2


def test_minus_zero_has_no_sign():
    document = make_document(0, ["a", "b"])
    document = replace(document, scores=dict.fromkeys(METHODS, np.array([-0.0, 0.5])))
    packer = DocumentPacker(METHODS, 0)
    packer.add(replace(document, curves=dict.fromkeys(METHODS, np.array([0.5, -0.0, -1e-9]))))
    packer.index()
    content = gzip.decompress(base64.b64decode(packer.blocks[0])).decode()
    assert '"scores":[[0,0.5],' in content
    assert '"curves":[[0.5,0,0],' in content


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_json_lacks_are_refused(value):
    document = replace(make_document(0, ["a"]), curves=dict.fromkeys(METHODS, np.array([0.5, value])))
    with pytest.raises(ValueError, match="JSON has no number for infinity"):
        DocumentPacker(METHODS, 0).add(document)
