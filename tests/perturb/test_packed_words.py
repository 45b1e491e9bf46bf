"""The steps at which masked copies of a text begin to differ, found by looking at one token after the other."""

import pytest
import torch

from hf_gradexplain.perturb.packed_words import Masks, Sets

TEXTS, STEPS, SIZE = 3, 6, 4
MASKS = range(SIZE + 1)


def first_step(hidden_anew):
    """The first step of which a mask hides the token anew; the last step if there is none."""
    return [*(step for step, anew in enumerate(hidden_anew) if anew), STEPS - 1][0]


@pytest.mark.parametrize("nested", [False, True])
def test_a_copy_begins_where_its_mask_hides_a_token_that_those_before_it_show(nested):
    numbers = torch.randint(1, SIZE + 2, (2 * TEXTS, STEPS), generator=torch.Generator().manual_seed(0))
    masks = Masks(torch.arange(TEXTS), numbers[:TEXTS], SIZE, nested)
    hides = [{number for number in range(1, SIZE + 2) if (number <= m if nested else number == m)} for m in MASKS]
    anew = [hides[m].difference(*hides[:m]) for m in MASKS]
    expected = [[first_step(number in anew[m] for number in row) for m in MASKS] for row in numbers.tolist()]
    assert masks.branch_points(numbers).tolist() == expected
    assert sum(row.count(STEPS - 1) for row in expected) > 2 * TEXTS


def test_a_copy_without_a_set_of_units_begins_where_the_first_of_them_stands():
    generator = torch.Generator().manual_seed(0)
    units = torch.randint(0, SIZE + 1, (2 * TEXTS, STEPS), generator=generator)
    hidden = torch.rand((TEXTS, SIZE + 1, SIZE + 1), generator=generator) < 0.3
    hidden[:, 0] = False
    hidden[..., SIZE] = False
    sets = Sets(torch.arange(TEXTS), units[:TEXTS], SIZE, hidden, torch.arange(TEXTS * len(MASKS)))
    expected = [
        [first_step(hidden[row % TEXTS, m, unit] for unit in units[row]) for m in MASKS] for row in range(2 * TEXTS)
    ]
    assert sets.branch_points(units).tolist() == expected
