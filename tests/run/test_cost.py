"""An estimate in words, with round numbers written by hand."""

from dataclasses import replace

import pytest

from hf_gradexplain.run.cost import Estimate, Part, _duration, _round_down, _sample_size, _significant, _spelt

COST = Estimate(
    documents=2000,
    shards=4,
    forward=2.0,
    backward=1.0,
    masked={"loo": 10.0, "shapley": 30.0},
    sampled=frozenset({"shapley"}),
    curves=5.0,
    orders=3,
    bounds=7.0,
    saved=frozenset(),
    seconds=0.25,
    cheaper={},
    measured=2,
    memory=3 * 2**20,
    model="Bert",
)


def test_every_line():
    assert COST.in_words() == {
        "rows": "2,000",
        "shards": "4, about 2.1 min each",
        "processes": "1",
        "forward passes": "4,000 plain, and 2,000 backward",
        "  leave-one-out": "20,000",
        "  shapley": "up to 60,000",
        "  curves": "10,000 for each of 3 orders",
        "  bounds": "about 14,000",
        "time": "about 8.3 min, at 0.25 s per document",
        "ten minutes": "enough for the run",
        "memory": "about 3 MiB per process",
        "measured on": "2 documents",
    }


def test_what_a_shortcut_saves_and_what_a_stream_does_not_have():
    saved = frozenset({"loo", "curves"})
    cost = replace(COST, documents=None, shards=None, saved=saved, backward=0.0, bounds=0.0, measured=1, processes=2)
    words = cost.in_words()
    assert words["rows"] == "unknown for a stream; the other numbers are for 1,000"
    assert words["shards"] == "unknown for a stream"
    assert words["processes"] == "2"
    assert words["forward passes"] == "2,000 plain"
    assert words["  leave-one-out"] == "10,000 (saved by the shortcut of Bert)"
    assert words["  shapley"] == "up to 30,000"
    assert words["  curves"] == "5,000 for each of 3 orders (saved by the shortcut of Bert)"
    assert words["  bounds"] == "none"
    assert words["measured on"] == "1 document"
    assert cost.total_seconds == 125
    assert replace(COST, masked={}).in_words()["  leave-one-out"] == "none"


def test_copies_that_are_saved_do_not_count():
    assert COST.copies == 10 + 30 + 7 + 3 * 5
    assert replace(COST, saved=frozenset({"loo"})).copies == 30 + 7 + 15
    assert replace(COST, saved=frozenset({"curves", "shapley"})).copies == 10 + 7
    assert (COST.loo, replace(COST, masked={}).loo) == (10, 0)


def test_lines_are_aligned():
    lines = COST.lines()
    assert lines[0] == "rows            2,000"
    assert lines[4] == "  leave-one-out 20,000"
    assert repr(COST) == "\n".join(lines)
    long = replace(COST, masked={"x" * 20 + "\x1b": 1.0}).lines()
    assert long[0] == "rows" + " " * 20 + "2,000"
    assert any("␛" in line for line in long)
    assert "What the evaluation of Bert would take" in COST._repr_html_()


SMALL = replace(COST, documents=100, forward=1.0, backward=0.0, masked={}, bounds=0.0, curves=0.0, seconds=0.5)
AGAIN = Part("under deletion", replace(SMALL, documents=2000, backward=2.0), of_all=True)
HYBRID = Part("hybrid documents", SMALL)
ALONE = Part("sanity", SMALL, rounds=3, shared=False)


@pytest.mark.parametrize(
    ("part", "processes", "seconds", "said"),
    [
        (HYBRID, 1, 50, "100 plain more, about 50 s"),
        (HYBRID, 2, 25, "100 plain more, about 25 s"),
        (ALONE, 2, 150, "100 texts, 3 times: 300 plain more, about 2.5 min"),
        (AGAIN, 1, 1000, "2,000 plain, 4,000 backward more, about 16.7 min"),
        (Part("x", replace(COST, documents=10)), 1, 2.5, "20 plain, 10 backward, 620 masked copies more, about 2 s"),
    ],
)
def test_what_a_part_adds(part, processes, seconds, said):
    assert part.seconds(processes) == seconds
    assert part.in_words(processes) == said


def test_the_time_has_the_parts():
    cost = replace(COST, parts=(AGAIN, HYBRID, ALONE), processes=2)
    assert cost.total_seconds == 2000 * (0.25 + 0.5) / 2 + 25 + 150
    words = cost.in_words()
    assert words["time"] == "about 15.4 min, at 0.75 s per document and 2.9 min for the other parts"
    assert words["hybrid documents"] == HYBRID.in_words(2)
    assert words["ten minutes"] == "enough with 1,100 texts"  # 2 * (600 - 175) / 0.75 = 1133
    assert list(words).index("hybrid documents") < list(words).index("time")


@pytest.mark.parametrize(
    ("seconds", "documents", "cheaper", "said"),
    [
        (0.3, 2000, {}, "enough for the run"),
        (0.3001, 2000, {}, "enough with 1,900 texts"),
        (600.0, 2, {}, "enough with 1 text"),
        (601.0, 2, {}, "not enough for one document"),
        (1.0, 2000, {("naopc", False): 2 / 3}, "enough with 600 texts"),
        (1.0, 2000, {("naopc", False): 0.66}, "enough with 600 texts, or naopc=False and 900 texts"),
        (1.0, 2000, {("naopc", False): 0.3}, "enough with 600 texts, or naopc=False"),
        (1.0, 2000, {("methods", ("a",)): 0.5, ("methods", ("b",)): 0.3}, "enough with 600 texts, or methods=('b',)"),
    ],
)
def test_what_fits_into_ten_minutes(seconds, documents, cheaper, said):
    cost = replace(COST, seconds=seconds, documents=documents, cheaper=cheaper)
    assert cost.in_words()["ten minutes"] == said


def test_parts_alone_may_take_more_than_ten_minutes():
    long = replace(ALONE, rounds=12)
    cost = replace(COST, parts=(long,))
    assert cost.in_words()["ten minutes"] == "not enough for sanity alone"
    longer = replace(COST, parts=(replace(long, rounds=11),))
    assert longer.in_words()["ten minutes"] == "enough with 200 texts"  # 50 s at 0.25 s each


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.99, "a second"), (1, "1 s"), (119.4, "119 s"), (120, "2.0 min"), (7199, "120.0 min"), (7200, "2.0 h"),
        (172_799, "48.0 h"), (172_800, "2.0 days"), (86_400_000, "1,000.0 days"),
    ],
)  # fmt: skip
def test_durations(seconds, said):
    assert _duration(seconds) == said


@pytest.mark.parametrize(
    ("number", "rounded"),
    [(0.5, 0), (9.9, 9), (10, 10), (99, 99), (100, 100), (109, 100), (123_456, 120_000)],
)
def test_samples_are_rounded_down_to_two_digits(number, rounded):
    assert _round_down(number) == rounded


def test_options_as_flags_and_in_python():
    assert _spelt("naopc", False, flags=True) == "--naopc false"
    assert _spelt("naopc", False, flags=False) == "naopc=False"
    assert _spelt("max_evals", 500, flags=True) == "--max_evals 500"
    assert [_sample_size(n, flags=False) for n in (1, 2, 1000)] == ["1 text", "2 texts", "1,000 texts"]
    assert _sample_size(1000, flags=True) == "--max_samples 1000"
    assert [_significant(x) for x in (0.000123, 1234.5, 0.25)] == ["0.00012", "1200", "0.25"]
    cost = replace(COST, seconds=1.0, cheaper={("k_grid", (1, 2)): 0.5})
    assert cost.in_words(flags=True)["ten minutes"] == (
        "enough with --max_samples 600, or --k_grid 1 2 --max_samples 1200"
    )
    assert cost.lines(flags=True) != cost.lines()
