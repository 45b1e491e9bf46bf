"""The word-level tokenizer, and word vectors for its vocabulary."""

import os
import pty

import pytest
import torch
from transformers import AutoTokenizer

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.models import FastTextConfig, load_word_vectors, train_word_tokenizer

TEXTS = ["the cat saw the dog", "The dog saw a bird.", "don't; 3.14"]


def words(text, tokenizer):
    return [text[a:b] for a, b in tokenizer(text, return_offsets_mapping=True)["offset_mapping"]]


def test_words_are_numbered_by_count_then_alphabet():
    tokenizer = train_word_tokenizer(TEXTS, vocab_size=7)
    assert tokenizer.convert_ids_to_tokens(range(len(tokenizer))) == ["[PAD]", "[UNK]", "the", ".", "dog", "saw", "14"]
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id) == (0, 1)


def test_rare_words_are_unknown():
    tokenizer = train_word_tokenizer(TEXTS, vocab_size=100, min_count=2)
    assert sorted(tokenizer.get_vocab()) == [".", "[PAD]", "[UNK]", "dog", "saw", "the"]
    assert tokenizer("a dog")["input_ids"] == [1, tokenizer.convert_tokens_to_ids("dog")]


def test_case_matters_only_without_lowercase():
    assert "The" not in train_word_tokenizer(TEXTS, vocab_size=100).get_vocab()
    assert {"The", "the"} <= set(train_word_tokenizer(TEXTS, vocab_size=100, lowercase=False).get_vocab())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's 3.14, isn’t it?!", ["It's", "3", ".", "14", ",", "isn’t", "it", "?", "!"]),
        ("  two\n\twords  ", ["two", "words"]),
        ("don''t 'quoted'", ["don", "'", "'", "t", "'", "quoted", "'"]),
        ("snake_case <br />", ["snake_case", "<", "br", "/", ">"]),
        ("cafe\u0301 CAFÉ İstanbul", ["cafe\u0301", "CAFÉ", "İstanbul"]),
        ("你好ab がガ", ["你", "好", "ab", "が", "ガ"]),
        ("한국어 텍스트", ["한국어", "텍스트"]),
        ("हिन्दी", ["हिन्दी"]),
        ("שלום עולם", ["שלום", "עולם"]),
        ("nice🙂! ❤️", ["nice", "🙂", "!", "❤️"]),
        ("[PAD] [UNK]", ["[", "PAD", "]", "[", "UNK", "]"]),
        ("", []),
    ],
)
def test_words_and_their_offsets(text, expected):
    """Offsets refer to the original text, also where lower-casing and composition change its length."""
    tokenizer = train_word_tokenizer([text, "filler"], vocab_size=100)
    assert words(text, tokenizer) == expected
    encoded = tokenizer(text)
    assert list(encoded) == ["input_ids", "attention_mask"]
    assert encoded.word_ids() == list(range(len(expected)))
    assert not {0, 1} & set(encoded["input_ids"]), "every word was in the training text"


def test_composed_and_decomposed_letters_are_one_word():
    tokenizer = train_word_tokenizer(["café"], vocab_size=10)
    assert tokenizer("CAFE\u0301")["input_ids"] == [2]


def test_the_same_texts_give_the_same_files(tmp_path):
    texts = [f"w{i} w{i % 7} w{i % 11}" for i in range(300)]
    files = [tmp_path / name for name in ("one", "other")]
    for folder, source in zip(files, (iter(texts), texts), strict=True):
        train_word_tokenizer(source, vocab_size=50).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (files[0] / name).read_bytes() == (files[1] / name).read_bytes()


def test_a_reloaded_tokenizer_gives_the_same_ids(tmp_path):
    tokenizer = train_word_tokenizer(TEXTS, vocab_size=100, max_length=4)
    tokenizer.save_pretrained(tmp_path)
    FastTextConfig(vocab_size=len(tokenizer)).save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    text = "The [PAD] dog, isn't it?"
    assert again(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert again.model_input_names == ["input_ids", "attention_mask"]
    assert again.model_max_length == 4
    assert len(again(text, truncation=True)["input_ids"]) == 4
    padded = again(["dog", "the dog", ""], padding=True)
    assert padded["attention_mask"] == [[1, 0], [1, 1], [0, 0]]
    assert padded["input_ids"][0][1] == 0


def test_texts_without_words_are_refused():
    with pytest.raises(ValueError, match="no word occurs 3 times in the texts"):
        train_word_tokenizer(["one two two"], vocab_size=10, min_count=3)
    with pytest.raises(ValueError, match=r"vocab_size must be 3 or more .*, got 2: increase it"):
        train_word_tokenizer(TEXTS, vocab_size=2)


def test_a_vocabulary_of_one_word():
    tokenizer = train_word_tokenizer(["one two one"], vocab_size=3)
    assert tokenizer.get_vocab() == {"[PAD]": 0, "[UNK]": 1, "one": 2}
    assert train_word_tokenizer(["a One"], vocab_size=9).get_vocab() == {"[PAD]": 0, "[UNK]": 1, "a": 2, "one": 3}


def test_numbers_too_many_for_a_word_with_blanks(tmp_path, tokenizer):
    """Two numbers are a vector even if the first one is no number: the line is wrong, and is not skipped."""
    (tmp_path / "vectors.txt").write_text("wolf 1 2\ncat x 2\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"line 2 of .*: expected finite numbers, got 'x'"):
        load_word_vectors(tmp_path / "vectors.txt", tokenizer)


@pytest.fixture
def tokenizer():
    return train_word_tokenizer(["cat dog bird [PAD]"], vocab_size=10, lowercase=True)


@pytest.mark.parametrize("header", ["", "4 2\n"], ids=["glove", "word2vec"])
def test_vectors_of_known_words_are_read(tmp_path, tokenizer, header):
    file = tmp_path / "vectors.txt"
    lines = "CAT 1 2\nwolf 3 4\ncat 9 9\nat name@mail 5 6\ndog -1e-1 .5 \n"
    file.write_text(header + lines, encoding="utf-8")
    vectors, has_vector = load_word_vectors(file, tokenizer)
    cat, dog, bird = tokenizer.convert_tokens_to_ids(["cat", "dog", "bird"])
    expected = torch.zeros(len(tokenizer), 2)
    expected[cat], expected[dog] = torch.tensor([1.0, 2.0]), torch.tensor([-0.1, 0.5])
    assert torch.equal(vectors, expected)
    assert has_vector.nonzero().flatten().tolist() == sorted([cat, dog])
    assert not has_vector[[0, 1, bird]].any()


def test_special_tokens_get_no_vector(tmp_path):
    file = tmp_path / "vectors.txt"
    file.write_text("[PAD] 1 2\n[UNK] 3 4\ncat 5 6\n", encoding="utf-8")
    cased = train_word_tokenizer(["cat"], vocab_size=10, lowercase=False)
    vectors, has_vector = load_word_vectors(file, cased)
    assert vectors.tolist() == [[0, 0], [0, 0], [5, 6]]
    assert has_vector.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "wolf 1 2\ncat 1\n",
            r"line 2 of .*vectors.txt: expected a word and 2 numbers, got 1 numbers: repair or remove the line",
        ),
        ("wolf 1 2\ncat 1 2 3\n", r"line 2 of .*: expected a word and 2 numbers, got 3"),
        ("5 3\ncat 1 2\n", r"line 2 of .*: expected a word and 3 numbers, got 2"),
        ("cat\n", r"line 1 of .*: expected a word and numbers, got 0"),
        ("wolf 1 2\ncat 1 x\n", r"line 2 of .*: expected finite numbers, got 'x': repair or remove the line"),
        ("cat 1 nan\n", r"line 1 of .*: expected finite numbers, got 'nan'"),
        ("wolf 1 2\n", r"vectors.txt has no vector for any word of the vocabulary: choose another file"),
        ("", r"vectors.txt has no vector for any word of the vocabulary"),
    ],
)
def test_invalid_vectors_are_refused(tmp_path, tokenizer, lines, message):
    file = tmp_path / "vectors.txt"
    file.write_text(lines, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_word_vectors(file, tokenizer)


def test_files_of_vectors_that_cannot_be_read_are_named(tmp_path, tokenizer):
    latin = tmp_path / "latin.txt"
    latin.write_bytes(b"cat 1 2\nd\xf6g 1 2\n")
    fix = "give a text file, a word and its vector per line"
    for path, message in (
        (tmp_path / "none", f"cannot read the word vectors {tmp_path}/none (No such file or directory): {fix}"),
        (tmp_path, f"cannot read the word vectors {tmp_path} (Is a directory): {fix}"),
        (
            latin,
            f"the word vectors {latin} are not text in UTF-8 ('utf-8' codec can't decode byte 0xf6 in position 9: "
            "invalid start byte): save the file as UTF-8",
        ),
    ):
        with pytest.raises(GradexplainError) as caught:
            load_word_vectors(path, tokenizer)
        assert str(caught.value) == message


def test_training_a_tokenizer_shows_no_progress_in_a_terminal():
    """The library writes to the file descriptor itself."""
    terminal, other_side = pty.openpty()
    kept = os.dup(2)
    try:
        os.dup2(other_side, 2)
        train_word_tokenizer(["the film is bad"] * 1000, vocab_size=100, min_count=1)
        os.set_blocking(terminal, False)
        with pytest.raises(BlockingIOError):  # nothing to read
            os.read(terminal, 1)
    finally:
        os.dup2(kept, 2)
        for descriptor in (terminal, other_side, kept):
            os.close(descriptor)
