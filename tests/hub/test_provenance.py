"""A name that is not found is answered with the most similar one on this machine."""

from types import SimpleNamespace

import pytest
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from hf_gradexplain.hub import provenance
from hf_gradexplain.hub.provenance import Provenance, UnavailableError, fetch, public_name, resolve


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


def of_hub(kind):
    return kind("busy", response=SimpleNamespace(status_code=503, headers={}, request=None))


@pytest.mark.parametrize(
    ("error", "offline", "said"),
    [
        (HFValidationError("bad"), True, "'me/d' is neither a local folder or file nor a hub name such as owner/name"),
        (of_hub(GatedRepoError), False, "the dataset 'me/d' is gated: ask for access on its hub page, then log in"),
        (of_hub(RepositoryNotFoundError), False, "there is no dataset 'me/d' on the hub that you can access: correct"),
        (of_hub(RevisionNotFoundError), False, "the dataset 'me/d' has no revision 'v1': give a branch, tag or commit"),
        (LocalEntryNotFoundError("no"), True, "offline, and the dataset 'me/d' at 'v1' is not in the cache: go online"),
        (of_hub(HfHubHTTPError), False, "the hub did not provide the dataset 'me/d' (busy): try again later, or give"),
    ],
)
def test_each_error_of_the_hub_has_its_sentence(monkeypatch, error, offline, said):
    def fail(*names, **more):
        raise error

    monkeypatch.setattr(provenance, "is_offline_mode", lambda: offline)
    monkeypatch.setattr(provenance, "hf_hub_download", fail)
    monkeypatch.setattr(provenance.HfApi, "resolve_revision", fail)
    with pytest.raises(UnavailableError) as refused:
        resolve("me/d", "v1", "dataset")
    assert str(refused.value).startswith(said)
    if not isinstance(error, LocalEntryNotFoundError):
        with pytest.raises(UnavailableError) as refused:
            fetch(Provenance("me/d", "v1"), "config.json", "dataset")
        assert str(refused.value).startswith(said)


def test_a_file_that_is_not_in_the_cache_is_none_only_offline(monkeypatch, tmp_path):
    def fail(*names, **more):
        raise LocalEntryNotFoundError("no")

    monkeypatch.setattr(provenance, "hf_hub_download", fail)
    monkeypatch.setattr(provenance, "is_offline_mode", lambda: True)
    assert fetch(Provenance("me/m", "abc"), "config.json") is None
    monkeypatch.setattr(provenance, "is_offline_mode", lambda: False)
    with pytest.raises(UnavailableError, match=r"^the hub did not provide the model 'me/m' \(no\)"):
        fetch(Provenance("me/m", "abc"), "config.json")
    asked = []
    monkeypatch.setattr(provenance, "hf_hub_download", lambda *names, **more: asked.append((names, more)) or "/x/file")
    assert fetch(Provenance("me/m", "abc"), "config.json").as_posix() == "/x/file"
    assert asked == [(("me/m", "config.json"), {"repo_type": "model", "revision": "abc"})]
    (tmp_path / "config.json").touch()
    assert fetch(Provenance(str(tmp_path)), "config.json") == tmp_path / "config.json"
    assert fetch(Provenance(str(tmp_path)), "other.json") is None
