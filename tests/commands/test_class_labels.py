"""Labels of a dataset become classes of the model: by name, by id, or as `label_map` says."""

import re
from datetime import date

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from hf_gradexplain.commands.class_labels import parse_label_map, to_classes
from hf_gradexplain.corpus import CorpusError

WEATHER = ("dry", "wet")
NEWS = ("World", "Sports", "Business", "Sci/Tech")
UNNAMED = ("LABEL_0", "LABEL_1")
loaded_and_streamed = pytest.mark.parametrize(
    "kind", [lambda rows: rows, Dataset.to_iterable_dataset], ids=["loaded", "streamed"]
)


def rows(labels, feature):
    features = Features({"id": Value("int64"), "text": Value("string"), "label": feature})
    return Dataset.from_dict({"id": [5, 6, 7], "text": ["a", "b", "c"], "label": labels}, features)


def classes(texts, *arguments):
    converted, note = to_classes(texts, *arguments)
    converted = list(converted)
    assert [(row["id"], row["text"]) for row in converted] == [(5, "a"), (6, "b"), (7, "c")]
    return [row["label"] for row in converted], note


@loaded_and_streamed
@pytest.mark.parametrize(
    ("names", "class_names", "label_map", "expected", "note"),
    [
        (["dry", "wet"], WEATHER, None, [0, 1, 1], ""),
        ([" Wet", "dry "], WEATHER, None, [1, 0, 0], "these classes of the model:  Wet = wet, dry  = dry."),
        (["0", "1"], WEATHER, None, [0, 1, 1], ""),
        (["1", "0"], WEATHER, None, [1, 0, 0], "1 = wet, 0 = dry"),
        (["sun", "rain"], UNNAMED, None, [0, 1, 1], "ids of the dataset were kept: sun = LABEL_0, rain = LABEL_1."),
        (["sun", "rain"], WEATHER, "rain=wet,sun=dry", [0, 1, 1], ""),
        (["sun", "rain"], WEATHER, "rain=dry, sun = 1", [1, 0, 0], "sun = wet, rain = dry"),
        (["sun", "rain"], UNNAMED, "rain=0,sun=1", [1, 0, 0], "sun = LABEL_1, rain = LABEL_0"),
        (["sun", "wet"], WEATHER, "SUN=dry", [0, 1, 1], ""),
        (["biz", "sci"], NEWS, "biz=Business,sci=Sci/Tech", [2, 3, 3], "biz = Business, sci = Sci/Tech"),
    ],
)
def test_named_labels_are_matched_by_name_or_as_the_map_says(kind, names, class_names, label_map, expected, note):
    labels, said = classes(kind(rows([0, 1, 1], ClassLabel(names=names))), class_names, label_map)
    assert labels == expected
    assert note in said
    assert bool(said) == bool(note)


@pytest.mark.parametrize("labels", [[0, 1, 1], [0, 1, 2], [2, 2, 2]])
def test_what_a_label_means_does_not_depend_on_the_labels_of_a_sample(labels):
    """The names 1, 2, 3 are no ids of a model with the ids 0, 1, 2, even where the name 3 does not occur."""
    names = ("LABEL_0", "LABEL_1", "LABEL_2")
    kept, said = classes(rows(labels, ClassLabel(names=["1", "2", "3"])), names)
    assert kept == labels
    assert "ids of the dataset were kept" in said


@loaded_and_streamed
@pytest.mark.parametrize(
    ("labels", "kind_of_label", "label_map", "expected"),
    [
        ([0, 1, 1], "int64", None, [0, 1, 1]),
        ([0.0, 1.0, 1.0], "float64", None, [0, 1, 1]),
        ([1, 2, 2], "int32", "1=dry,2=wet", [0, 1, 1]),
        ([1.0, 2.0, 2.0], "float64", "1=dry,2=wet", [0, 1, 1]),
        (["wet", " DRY", "wet "], "string", None, [1, 0, 1]),
        (["1", "0", "1.0"], "string", None, [1, 0, 1]),
        (["rain", "dry", "rain"], "large_string", "rain=wet", [1, 0, 1]),
    ],
)
def test_other_labels_become_ids(kind, labels, kind_of_label, label_map, expected):
    ids, note = classes(kind(rows(labels, Value(kind_of_label))), WEATHER, label_map)
    assert (ids, note) == (expected, "")
    assert {type(i) for i in ids} == {int}


@loaded_and_streamed
@pytest.mark.parametrize(
    ("labels", "feature", "message"),
    [
        (
            [0, 1, 1],
            ClassLabel(names=["sun", "rain"]),
            "the labels 'sun', 'rain' of the dataset are no classes of the model, which has 'dry', 'wet': say which "
            "class each is with --label_map 'sun=CLASS,rain=CLASS', or give --target predicted",
        ),
        ([0, 1, 1], ClassLabel(names=["dry", "rain"]), "the label 'rain' of the dataset is no class of the model"),
        (["wet", "snow", "wet"], Value("string"), "the label 'snow' of the dataset is no class of the model"),
        ([0, 1, 2], Value("int64"), "the label 2 of the dataset is no class of the model"),
        ([0, 0.5, 1], Value("float32"), "the label 0.5 of the dataset is no class of the model"),
        (
            [date(2026, 1, 1)] * 3,
            Value("date32"),
            "the label datetime.date(2026, 1, 1) of the dataset is no class of the model",
        ),
    ],
)
def test_labels_that_are_no_classes_are_refused_with_the_flag_that_maps_them(kind, labels, feature, message):
    with pytest.raises(CorpusError, match=f"^{re.escape(message)}"):
        list(to_classes(kind(rows(labels, feature)), WEATHER)[0])


def test_more_labels_than_unnamed_classes_are_refused():
    with pytest.raises(CorpusError, match="the labels 'sun', 'rain', 'snow' of the dataset are no classes"):
        to_classes(rows([0, 1, 2], ClassLabel(names=["sun", "rain", "snow"])), UNNAMED)


def test_a_name_that_no_row_has_needs_no_class():
    labels, note = classes(rows([0, 1, 1], ClassLabel(names=["dry", "wet", "unknown"])), WEATHER)
    assert (labels, note) == ([0, 1, 1], "")
    with pytest.raises(CorpusError, match="the label 'unknown' of the dataset is no class"):
        to_classes(rows([0, 1, 2], ClassLabel(names=["dry", "wet", "unknown"])), UNNAMED, "dry=0,wet=1")


@pytest.mark.parametrize(
    ("label_map", "message"),
    [
        (
            "sun",
            "label_map must be label=class pairs joined by commas, where a class is a name or an id of 'dry', 'wet'",
        ),
        ("sun=dry,rain=snow", "'dry', 'wet'; it has 'rain=snow'"),
        ("sun=dry,rain=2", "it has 'rain=2'"),
        ("sun=dry,rain=wet,Sun=wet", "label_map has two classes for the label 'sun': give one"),
        ("son=dry,rain=wet", "label_map has 'son', but the labels of the dataset are 'rain', 'sun'"),
    ],
)
def test_a_label_map_that_does_not_fit_is_refused(label_map, message):
    with pytest.raises(CorpusError, match=re.escape(message)):
        to_classes(rows([0, 1, 1], ClassLabel(names=["sun", "rain"])), WEATHER, label_map)


@loaded_and_streamed
@pytest.mark.parametrize("labels", [[0.5, 1.0, 2.5], [0.0, 0.0, 0.0]])
def test_labels_of_a_model_with_one_output_are_refused(kind, labels):
    with pytest.raises(CorpusError) as error:
        to_classes(kind(rows(labels, Value("float64"))), ("LABEL_0",))
    assert str(error.value) == "the model has one output, so labels name no class of it: give --target predicted"


@loaded_and_streamed
@pytest.mark.parametrize("class_names", [WEATHER, ("LABEL_0",)])
def test_texts_without_labels_stay(kind, class_names):
    texts = kind(rows([0, 1, 1], Value("int64")).remove_columns("label"))
    assert to_classes(texts, class_names) == (texts, "")


@loaded_and_streamed
@pytest.mark.parametrize(
    ("labels", "feature"),
    [
        ([[0, 1], [1, 1], [0, 0]], List(Value("int64"))),
        ([[0.0, 1.0]] * 3, List(Value("float32"), length=2)),
        ([[0], [0, 1], []], List(ClassLabel(names=["sun", "rain"]))),
        ([["wet"], ["wet", "dry"], []], List(Value("string"))),
    ],
    ids=["zeros and ones", "floats", "ids", "names"],
)
def test_lists_of_labels_are_refused_with_the_flags_to_give(kind, labels, feature):
    message = (
        "the labels of the dataset are lists, which can name several classes of a text, but one class is explained: "
        "give --target predicted, and give --problem_type multi_label_classification if the model has a sigmoid per "
        "class"
    )
    with pytest.raises(CorpusError, match=re.escape(message)):
        to_classes(kind(rows(labels, feature)), WEATHER)


def test_the_equals_sign_of_a_label_is_kept():
    assert parse_label_map("a=b=wet", WEATHER) == {"a=b": 1}


@pytest.mark.parametrize(("n", "end"), [(10, "'n9' of the dataset"), (11, "'n9' and 1 more of the dataset")])
def test_ten_labels_at_most_are_listed(n, end):
    names = [f"n{i}" for i in range(n)]
    texts = Dataset.from_dict({"text": names, "label": names})
    with pytest.raises(CorpusError) as refused:
        list(to_classes(texts, WEATHER)[0])
    assert end in str(refused.value)
    assert str(refused.value).count("=CLASS") == 10


@pytest.mark.parametrize(
    ("labels", "feature"), [(["sun", "rain", "sun"], Value("string")), ([1, 2, 1], Value("int64"))]
)
def test_a_map_of_labels_that_no_row_has_is_refused_unless_the_rows_are_not_known_yet(labels, feature):
    label_map = f"snow=0,{labels[0]}=dry,{labels[1]}=wet"
    texts = rows(labels, feature)
    with pytest.raises(CorpusError, match="label_map has 'snow'"):
        to_classes(texts, WEATHER, label_map)
    assert classes(texts.to_iterable_dataset(), WEATHER, label_map) == ([0, 1, 0], "")
