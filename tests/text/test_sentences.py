"""Tests of the division of texts into sentences and clauses."""

import random
import sys

import pytest

from hf_gradexplain.text import sentences as module
from hf_gradexplain.text.sentences import clauses, sentences

LANGUAGES = {
    "English": [
        "Dr. Smith paid $3.50 for it, e.g. in the U.S. market.",
        "He didn't like it!",
        '"Really?" she asked.',
        "It was 5 p.m. on Jan. 5, 2020.",
        "Mr. J. R. Brown, Ph.D., left.",
        "The U.S. economy grew by 2.5 percent.",
        "He lives at No. 10 Downing St. in London.",
        "Visit www.example.com for more.",
        "Then it ended... and nobody cared.",
        "What a film!!!",
    ],
    "German": [
        "Am 3. Mai kam z. B. Dr. Müller.",
        "Er sagte: „Das ist gut.“",
        "Dann ging er, d.h. er lief.",
        "Das kostet 1.000,50 €.",
        "War es gut?",
        "Ja!",
    ],
    "Spanish": [
        "El Sr. García llegó.",
        "¿Cómo estás?",
        "¡Muy bien!",
        "La Dra. López vive en la Av. Central.",
        "Cuesta 3.50 euros.",
        "Vive en EE. UU. desde 1990.",
    ],
    "Russian": ["Он приехал в г. Москва.", "А. С. Пушкин родился в Москве.", "Фильм хороший!", "Правда?", "Да."],
    "Chinese": ["我喜欢这部电影。", "演员很好！", "你觉得呢？", "价格是3.5元。", "他说：“这很好。”"],
    "Japanese": ["この映画が好きです。", "俳優は素晴らしい！", "本当ですか？", "値段は3.5円です。", "終わり。"],
    "Hindi": ["मुझे यह फिल्म पसंद है।", "अभिनेता अच्छे हैं!", "क्या आपको पसंद आई?", "कीमत 3.5 रुपये है।", "यह अंत है॥"],
    "Arabic": ["أحب هذا الفيلم.", "هل أعجبك الفيلم؟", "الممثلون رائعون!", "السعر 3.5 دولار.", "النهاية."],
    "Korean": ["나는 이 영화를 좋아한다.", "배우들이 훌륭하다!", "정말?", "가격은 3.5달러이다."],
    "Greek": ["Μου αρέσει.", "Σου άρεσε;", "Ναι!", "Κοστίζει 3,5 ευρώ."],
}
HOSTILE = [
    "",
    " \t\n ",
    "\u3000\u2028\x85",
    "...",
    '"',
    "?! ?!",
    "\x00\x01. \x02",
    "a.\r\n\r\nb.\n\n\nc",
    "e\u0301. \u0301\u0301! x\u200d\ufe0f? y",
    "😀 good. 😀😀! ok",
    "\ufffd. \uffff\U0010ffff. A",
    "<script>alert(1)</script>. 'x' -- \"y\"; z",
    "(((((([[[[[ «« „„ “ a. b. c",
    "\u202eabc. def\u202c. \u2066x\u2069!",
]


def parts_of(divide, text):
    return [text[start:end] for start, end in divide(text)]


def check(text, spans):
    """Check that spans are ascending, apart, without white space around them, and leave out nothing but white space."""
    end = 0
    for start, stop in spans:
        assert end <= start < stop <= len(text)
        assert text[start:stop] == text[start:stop].strip()
        assert not text[end:start].strip()
        end = stop
    assert not text[end:].strip()


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_of_eight_languages_and_two_more(language):
    wanted = LANGUAGES[language]
    space = "" if language in ("Chinese", "Japanese") else " "
    assert parts_of(sentences, space.join(wanted)) == wanted
    for sentence in wanted:
        assert parts_of(sentences, sentence) == [sentence]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("No, it costs 3.5 or 1,000: too much; at 10:30.", "No,|it costs 3.5 or 1,000:|too much;|at 10:30."),
        ("In the U.S. market, e.g. here, Dr. Lee won.", "In the U.S. market,|e.g. here,|Dr. Lee won."),
        ("“Why?”, she asked (twice, loudly), and left...", "“Why?”,|she asked (twice,|loudly),|and left..."),
        ("Wait… what?! Well... yes", "Wait…|what?!|Well...|yes"),
        ("See http://a.b/c?d=e,f or x@y.z", "See http://a.b/c?d=e,f or x@y.z"),
        (
            "电影很好，但是太长；演员、音乐都好：“是的。”价格3，5元",
            "电影很好，|但是太长；|演员、|音乐都好：|“是的。”|价格3，5元",
        ),
        ("映画は、とても良い。", "映画は、|とても良い。"),
        ("مرحبا، كيف حالك؟ جيد؛ شكرا.", "مرحبا،|كيف حالك؟|جيد؛|شكرا."),
        ("नमस्ते, दुनिया। कैसे हो?", "नमस्ते,|दुनिया।|कैसे हो?"),
        (", , a, , b", ", , a, ,|b"),
        ("- yes! -", "- yes! -"),
    ],
)
def test_clauses_lie_between_punctuation(text, wanted):
    assert parts_of(clauses, text) == wanted.split("|")


@pytest.mark.parametrize("divide", [sentences, clauses])
@pytest.mark.parametrize("text", [*HOSTILE, *(" ".join(each) for each in LANGUAGES.values())])
def test_no_character_is_lost(divide, text):
    check(text, divide(text))


@pytest.mark.parametrize("divide", [sentences, clauses])
def test_random_characters_are_divided(divide):
    rng = random.Random(0)
    common = "ab 1.,;:!?'\"()\n\t…。，、！？।؟،“”«»\u0301\u200d\x00"
    for _ in range(300):
        codes = [rng.randrange(sys.maxunicode + 1) for _ in range(5)]
        others = "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000)
        text = "".join(rng.choices(common + others, k=rng.randrange(60)))
        check(text, divide(text))


def test_every_sentence_border_is_one_of_clauses():
    for wanted in LANGUAGES.values():
        text = " ".join(wanted)
        assert {start for start, _ in sentences(text)} <= {start for start, _ in clauses(text)}


@pytest.mark.parametrize("text", ["x" * 10**6, "word " * 200_000, "我" * 10**6, "\n" * 10**5, "," * 10**5])
def test_a_megabyte_without_an_end_of_a_sentence_is_at_most_one(text):
    for divide in (sentences, clauses):
        spans = divide(text)
        check(text, spans)
        assert len(spans) == bool(text.strip())


@pytest.mark.parametrize("sentence", ["This is 1.5 of a sentence. ", "我喜欢这部电影。", "x" * 25_000 + "! "])
def test_a_long_text_is_split_part_by_part(sentence, monkeypatch):
    """The splitter's time is quadratic in the length of Chinese texts, so it must not be given a long text at once."""
    lengths = []

    def counted(language, text):
        lengths.append(len(text))
        return original(language, text)

    original = module.get_sentence_boundaries
    monkeypatch.setattr(module, "get_sentence_boundaries", counted)
    n = 200_000 // len(sentence)
    assert parts_of(sentences, sentence * n) == [sentence.strip()] * n
    assert sum(lengths) < 4 * len(sentence) * n
    assert max(lengths) <= max(10_000, 4 * len(sentence))
