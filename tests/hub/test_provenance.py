"""A name that is not found is answered with the most similar one on this machine."""

import pytest
from huggingface_hub import constants

from hf_gradexplain.hub.provenance import UnavailableError, public_name, resolve


@pytest.fixture
def _machine(tmp_path, monkeypatch):
    """A cache with a model and a dataset, and a folder with a model, which is the current one."""
    for name in ("models--me--film-bert", "datasets--me--film-reviews", "here/my-model"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path / "here")


@pytest.mark.usefixtures("_machine")
@pytest.mark.parametrize(
    ("name", "public"), [(".", "here"), ("my-model", "my-model"), ("my-model/..", "here"), ("me/model", "me/model")]
)
def test_a_folder_is_named_without_its_path(name, public):
    assert public_name(name) == public


@pytest.mark.usefixtures("_machine")
@pytest.mark.parametrize(
    ("name", "kind", "similar"),
    [
        ("me/film-brt", "model", "me/film-bert"),
        ("film-bert", "model", "me/film-bert"),
        ("me/film-review", "dataset", "me/film-reviews"),
        ("my-modle", "model", "my-model"),
        ("../here/my-modle", "model", "../here/my-model"),
    ],
)
def test_a_similar_name_of_the_cache_or_of_a_folder_is_named(name, kind, similar):
    with pytest.raises(UnavailableError, match=rf"; did you mean '{similar}'\?$"):
        resolve(name, kind=kind)


@pytest.mark.usefixtures("_machine")
@pytest.mark.parametrize("name", ["other/thing", "", "a" * 5000, "nul\0"])
def test_without_a_similar_name_there_is_no_question(name):
    with pytest.raises(UnavailableError) as error:
        resolve(name)
    assert "did you mean" not in str(error.value)
