"""The tables of the page other than those of the claims."""

import numpy as np
from scipy import stats

from recipes.paper.constants import SETTINGS
from recipes.paper.tables import (
    lead_table,
    method_table,
    precision_table,
    seed_table,
    settings_table,
    shared_settings,
)
from tests.recipes.paper.made_up import GOOD, result


def test_a_difference_is_more_than_trainings_if_another_training_would_have_it():
    values = [(0.30, 0.31), (0.32, 0.35), (0.34, 0.39)]
    trainings = [result({**GOOD, "loo": loo, "signed_gi": gi}) for loo, gi in values]
    rows = seed_table({SETTINGS[0]: trainings}).set_index("difference")
    assert rows.loc["SignedGI − LOO", "mean"] == "0.0300"
    assert rows.loc["SignedGI − LOO", "sd"] == "0.0200"
    half = stats.t.ppf(0.975, 2) * 0.02 / np.sqrt(3)
    assert rows.loc["SignedGI − LOO", "95 % interval over trainings"] == f"[{0.03 - half:.4f}, {0.03 + half:.4f}]"
    assert rows["larger than between trainings"].tolist() == ["no", "yes", "yes", "no"]


def test_one_training_has_no_spread():
    rows = seed_table({SETTINGS[0]: [result()]})
    assert set(rows["sd"]) == {"–"}
    assert set(rows["larger than between trainings"]) == {"no"}


def test_the_lead_is_shown_at_both_numbers_of_removed_words():
    (row,) = lead_table({SETTINGS[0]: [result(), result()]}).to_dict("records")
    assert row["lead at K = 10"] == row["at the longest K"] == "0.301 ± 0.005"
    assert row["longest K"] == 60


def test_precisions_stand_side_by_side():
    precisions = {"bf16": dict.fromkeys(GOOD, (0.3, 0.5)), "float32": dict.fromkeys(GOOD, (0.31, 0.51))}
    rows = precision_table(precisions).set_index("method")
    assert rows.loc["signed_gi"].tolist() == ["0.300", "0.310", "0.50", "0.51"]
    assert rows.loc["loo"].tolist() == ["0.300", "0.310", "–", "–"]


def test_settings_that_all_trainings_share_stand_apart_from_those_of_a_model():
    cards = {
        (setting, seed): {"settings": {"rate": rate, "decay": "0", "seed": str(seed)} | more}
        for seed in (0, 1)
        for setting, rate, more in ((SETTINGS[0], "1", {"words": "0"}), (SETTINGS[1], "2", {}))
    }
    assert shared_settings(cards) == {"decay": "0"}
    assert list(settings_table(cards, 1)["settings"]) == ["rate 1; words 0", "rate 2"]
    assert shared_settings({(SETTINGS[0], 0): cards[SETTINGS[0], 0]}) == {"rate": "1", "decay": "0", "words": "0"}


def test_the_table_of_methods_has_those_that_were_measured_on_all_settings():
    table = method_table([result(), result({m: x for m, x in GOOD.items() if m != "sa_raw"})], "aopc")
    assert set(table["method"]) == set(GOOD) - {"sa_raw"}
