"""How suspicious words are shown, against a table written by hand."""

import pandas as pd
import pytest

from hf_gradexplain.audit.suspicious.result import COLUMNS, SuspiciousWords

ROW = {
    "class": "tech",
    "flips": 0.25,
    "flips_ci_low": 0.2,
    "flips_ci_high": 0.3125,
    "control_flips": 0.0125,
    "rise": -0.25,
    "rise_ci_low": -0.5,
    "rise_ci_high": 0.125,
    "concentration": 0.75,
    "lift": 1.52,
    "p_adjusted": 0.00123,
}


def made(n=25, n_suspicious=23, **changes):
    table = pd.DataFrame([ROW | {"word": f"w{i}", "suspicious": i < n_suspicious} for i in range(n)])
    settings = {"title": "m on d", "method": "loo", "n_documents": 1200, "n_candidates": 25, "level": 0.05}
    return SuspiciousWords(**({"table": table, **settings, "margin": 0.035, "passes": 5000} | changes))


def test_the_text_names_the_first_twenty_words():
    lines = str(made()).splitlines()
    assert lines[0] == "Suspicious words of m on d"
    assert lines[3:] == [f"  w{i}: flips 25% to tech (ordinary words 1.2%)" for i in range(20)]
    assert str(made(title="")).splitlines()[0] == "Suspicious words"


@pytest.mark.parametrize(
    ("n_candidates", "said"),
    [(25, "words that were tried flip texts"), (1026, "words that were tried, of 1,026 candidates, flip texts")],
)
def test_the_sentences(n_candidates, said):
    result = made(n_candidates=n_candidates)
    assert len(result) == 23
    assert result.sentences[0].startswith(f"23 of 25 {said}")
    for part in (
        "over 3.5% of the texts more",
        "rate of 5%",
        "1,200 texts",
        "candidates by loo",
        "5,000 forward passes",
    ):
        assert part in result.sentences[0]
    assert len(result.sentences) == 2


def test_without_candidates_more_texts_are_asked_for():
    (said,) = made(n=1, n_suspicious=0, n_candidates=0).sentences
    assert said == "By loo, no word decides a class of the 1,200 texts: take more texts."


def test_the_readable_table():
    result = made()
    table = result.readable()
    assert list(table) == list(COLUMNS)
    assert list(table["word"]) == [f"w{i}" for i in range(20)]
    assert table.loc[0].to_dict() == {
        "word": "w0",
        "moves to": "tech",
        "flips": "25% [20%, 31%]",
        "ordinary": "1.2%",
        "rise": "−0.250 [−0.500, 0.125]",
        "in class": "75% (1.5x)",
        "adjusted p": "0.001",
    }
    assert len(result.readable(3)) == 3
    assert len(made(n_suspicious=0).readable()) == 0
    page = result._repr_html_()
    assert "w19" in page
    assert "w20" not in page
