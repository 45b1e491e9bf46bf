"""The recipe that measures masked fine-tuning: what it trains, what it compares, and that it resumes."""

from dataclasses import replace
from itertools import product

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from hf_gradexplain.errors import GradexplainError
from recipes.masked_fine_tuning import Arguments, Case, cases, main, training_arguments


def test_the_trainings_differ_in_masking_and_word_dropout_only(tmp_path):
    given = Arguments(data="data", output_dir=str(tmp_path), models=("textcnn",), datasets=("imdb",), seeds=(3,))
    plain, masked = (vars(training_arguments(case, given)) for case in cases(given))
    different = {name for name in plain if plain[name] != masked[name]}
    assert different == {"masked_fine_tuning", "output_dir"}
    assert plain["config_overrides"] == "hidden_size=128,word_dropout=0"
    assert (plain["seed"], plain["max_length"], plain["dataset_name"]) == (3, 400, "data/imdb")
    shipped = vars(training_arguments(Case("textcnn", "imdb", "word_dropout", 3), given))
    assert shipped["config_overrides"] == "hidden_size=128,word_dropout=0.5"
    assert not shipped["masked_fine_tuning"]


@pytest.mark.slow
def test_it_trains_measures_and_goes_on_where_it_was_stopped(tmp_path, capsys):
    words = (
        ["the", "a", "this"],
        ["good", "bad", "dull"],
        ["film", "actor", "end"],
        ["is", "was"],
        ["my", "her", "its"],
        ["now", "then"],
    )
    texts = [" ".join(each * 3) for each in product(*words)]
    features = Features({"text": Value("string"), "label": ClassLabel(names=["World", "Sports"])})
    rows = Dataset.from_dict({"text": texts, "label": ["good" in text for text in texts]}, features)
    for split in ("train", "test"):
        rows.to_parquet(tmp_path / "data" / "ag_news" / f"{split}.parquet")
    given = Arguments(
        data=str(tmp_path / "data"),
        output_dir=str(tmp_path / "out"),
        models=("fasttext",),
        datasets=("ag_news",),
        seeds=(0,),
        texts=10,
        reference=300,
    )
    main(given)
    first = capsys.readouterr().out
    assert "fasttext on ag_news" in first
    for figure in (
        "accuracy",
        "AOPC(10) of loo less random",
        "Spearman of loo and signed_gi",
        "confidence, 100% masked",
        "McNemar",
    ):
        assert figure in first
    stamps = {path: path.read_bytes() for path in (tmp_path / "out" / "steps").rglob("*.json")}
    assert len(stamps) == 6
    main(given)
    assert capsys.readouterr().out == first
    assert {path: path.read_bytes() for path in (tmp_path / "out" / "steps").rglob("*.json")} == stamps
    for name, now, before in (("texts", 11, 10), ("eval_rows", 311, None), ("epochs", 2.0, 6.0)):
        with pytest.raises(GradexplainError, match=f"was made with .* {before}, but now .* is {now}; give another"):
            main(replace(given, **{name: now}))
    rows.select(range(300)).to_parquet(tmp_path / "data" / "ag_news" / "test.parquet")
    with pytest.raises(GradexplainError, match="was made with rows"):
        main(given)
