"""One call of an embedding layer: which ids it is given, and where its vectors stand."""

import pytest
import torch

from hf_gradexplain.classifier.lookups import Lookup, vectors_of

IDS = torch.tensor([[5, 6, 7, 8], [1, 2, 3, 4]])


def lookup(shift=0, time_major=False, **given):
    return Lookup("words", 0, shift, time_major, **given)


def test_a_layer_is_called_once_and_may_be_given_hashes_unless_the_opposite_was_found():
    assert (lookup().table, lookup().n_calls, lookup().given_ids) == (0, 1, False)
    assert lookup().holds(None, IDS)
    assert lookup().holds(torch.zeros(1), IDS)


@pytest.mark.parametrize(
    ("shift", "given", "holds", "holds_some"),
    [
        (0, IDS, True, True),
        (0, IDS.clone(), True, True),
        (0, IDS + 1, False, False),
        (0, None, False, False),
        (0, IDS[0], False, False),
        (0, IDS[:, :3], False, True),  # the last token is missing
        (0, torch.cat([IDS, IDS], 1), True, True),
        (1, torch.cat([torch.zeros(2, 1, dtype=int), IDS], 1), True, True),
        (1, torch.cat([torch.zeros(2, 1, dtype=int), IDS[:, :3]], 1), True, True),  # as in a decoder
        (1, IDS, False, False),
        (-1, IDS[:, 1:], True, True),
        (-1, IDS[:, 1:3], False, True),
        (-2, IDS[:, 2:], True, True),
        (-2, IDS[:, 1:], False, False),
    ],
)
@pytest.mark.parametrize("time_major", [False, True])
def test_which_ids_a_layer_is_given(shift, given, holds, holds_some, time_major):
    found = lookup(shift, time_major, given_ids=True)
    given = given.T.contiguous() if time_major and given is not None and given.ndim == 2 else given
    assert found.holds(given, IDS) is holds
    assert found.holds_some(given, IDS) is holds_some


def test_ids_of_another_dtype_are_compared_as_numbers():
    assert lookup(given_ids=True).holds(IDS.to(torch.int32), IDS)


@pytest.mark.parametrize(
    ("shift", "positions", "tokens", "places"),
    [
        (0, 4, (0, 4), (0, 4)),
        (0, 6, (0, 4), (0, 4)),
        (0, 3, (0, 3), (0, 3)),
        (1, 5, (0, 4), (1, 5)),
        (1, 4, (0, 3), (1, 4)),
        (-1, 3, (1, 4), (0, 3)),
        (-1, 2, (1, 3), (0, 2)),
    ],
)
@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize("with_more", [False, True])
def test_where_the_vectors_of_the_tokens_stand(shift, positions, tokens, places, time_major, with_more):
    """Edited vectors take the place of those of the tokens; all others stay as they are."""
    vectors = torch.arange(2.0 * positions * 3).reshape(2, positions, 3)
    output = vectors.transpose(0, 1) if time_major else vectors
    given = (output, "more", 3) if with_more else output
    found = lookup(shift, time_major, table=7)
    aligned, token_part, position_part = found.align(given, 4)
    assert torch.equal(aligned, vectors)
    assert (token_part, position_part) == (slice(*tokens), slice(*places))
    asked = []

    def edit(table, some, part):
        asked.append((table, part))
        return -some

    edited = found.apply_edit(given, edit, IDS)
    assert asked == [(7, slice(*tokens))]
    assert not with_more or edited[1:] == ("more", 3)
    expected = vectors.clone()
    expected[:, slice(*places)] *= -1
    edited = vectors_of(edited)
    assert torch.equal(edited.transpose(0, 1) if time_major else edited, expected)
