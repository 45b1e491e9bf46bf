"""Chat templates of several kinds, what they write by hand, and small tokenizers that have a chat template."""

import json
import re
from functools import cache
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    ByT5Tokenizer,
    LlamaConfig,
    LlamaForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizer,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from tests.helpers.tiny import MODELS, ProblemType, config_of

TEMPLATES = {
    "chatml": (
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    ),
    "llama": (
        "{{ bos_token }}{% for m in messages %}{{ '<|start|>' + m.role + '<|end|>\n\n' }}"
        "{{ (m.content | trim) + '<|eot|>' }}{% endfor %}"
    ),
    "inst": (
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}"
        "{{ '[INST] ' + m.content.strip() + ' [/INST]' }}{% else %}"
        "{{ ' ' + m.content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
    ),
    "without_system": (
        "You are kind.\n{% for m in messages %}{% if m.role != 'system' %}{{ m.role | capitalize }}: {{ m.content }}\n"
        "{% endif %}{% endfor %}"
    ),
    "alternating": (
        "{% for m in messages %}{% if not loop.first and m.role == loop.previtem.role %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}{{ m.role }}>{{ m.content }}\n{% endfor %}"
    ),
    "last_again": (
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}Judge this: {{ messages[-1].content }}\n"
    ),
    "without_thoughts": (
        "{% for m in messages %}{% set said = m.content %}{% if '</think>' in said %}"
        "{% set said = said.split('</think>')[-1].lstrip('\n') %}{% endif %}"
        "<|im_start|>{{ m.role }}\n{{ said }}<|im_end|>\n{% endfor %}"
    ),
    "last_first": "{% for m in messages[::-1] %}{{ m.role }}: {{ m.content }}\n{% endfor %}",
}

SPECIAL = ("<|im_start|>", "<|im_end|>", "<|start|>", "<|end|>", "<|eot|>")

CHAT = [
    {"role": "system", "content": "Judge  films."},
    {"role": "user", "content": " is the film\n\ngood?\n"},
    {"role": "assistant", "content": "the film is good, naïve & user-friendly 電影 !"},
]
"""Contents with blanks around them, a name of a role, letters of several bytes, and words that occur twice."""

LONGER = [
    {"role": "user", "content": "judge a bad film"},
    {"role": "assistant", "content": "bad music, good actor: not bad!"},
    {"role": "user", "content": "is it good?"},
]

TEMPLATE_OF = {"llama": "llama", "bert": "without_system", "bart": "last_again"}
"""The template of each classifier."""

_CORPUS = (
    "the film is good , is it not : user assistant system",
    "a bad film with a good actor and bad music",
    "judge films : what is good in a film ?",
)


class WordTokenizer(PreTrainedTokenizer):
    """A tokenizer written in Python: words between blanks, cut into pieces of at most three letters."""

    def __init__(self, **options: object) -> None:
        letters = [chr(c) for c in range(32, 127)]
        pieces = sorted({w[k : k + 3] for text in _CORPUS for w in text.split() for k in range(0, len(w), 3)})
        self.vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(["<unk>", *letters, *pieces]))}
        super().__init__(unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="</s>", **options)

    @property
    def vocab_size(self) -> int:
        return len(self.vocabulary)

    def get_vocab(self) -> dict[str, int]:
        return {**self.vocabulary, **self.added_tokens_encoder}

    def _tokenize(self, text: str, **_: object) -> list[str]:
        out = []
        for word in text.split():
            while word:
                piece = next((word[:n] for n in (3, 2) if word[:n] in self.vocabulary), word[:1])
                out.append(piece)
                word = word[len(piece) :]
        return out

    def _convert_token_to_id(self, token: str) -> int:
        return self.vocabulary.get(token, 0)

    def _convert_id_to_token(self, index: int) -> str:
        return list(self.vocabulary)[index]


@cache
def _backend(kind: str) -> str:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=kind == "sentencepiece"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<unk>", "<s>", "</s>"]
    if kind == "sentencepiece":
        tokenizer.pre_tokenizer, alphabet = pre_tokenizers.Metaspace(), []
        special += [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=340, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_CORPUS, trainer)
    if kind == "sentencepiece":  # like Llama's: the normalised text has marks for blanks, and bytes are not special
        record = json.loads(tokenizer.to_str()) | {"pre_tokenizer": None}
        record["added_tokens"] = record["added_tokens"][:3]
        tokenizer = Tokenizer.from_str(json.dumps(record))
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    around = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> $B </s>", [("<s>", 1), ("</s>", 2)])
    tokenizer.post_processor = around
    return tokenizer.to_str()


def chat_tokenizer(kind: str, template: str, **options: object) -> PreTrainedTokenizerBase:
    """Return a new tokenizer with one of `TEMPLATES`, whose pad token is its end token."""
    if kind == "bytes":
        tokenizer: PreTrainedTokenizerBase = ByT5Tokenizer(extra_ids=0, bos_token="<s>", **options)
    elif kind == "python":
        tokenizer = WordTokenizer(**options)
    else:
        names = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"}
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=Tokenizer.from_str(_backend(kind)),
            model_input_names=["input_ids", "attention_mask"],
            **names,
            **options,
        )
    tokenizer.add_special_tokens({"extra_special_tokens": list(SPECIAL)})
    tokenizer.chat_template = TEMPLATES[template]
    return tokenizer


FAST = ("byte_level", "sentencepiece")
KINDS = (*FAST, "bytes", "python")


Written = list[tuple[str, int]]
"""Characters, each with its offset in the contents or -1."""


def template_text(text: str) -> Written:
    return [(character, -1) for character in text]


def write(template: str, messages: list[dict[str, str]]) -> Written:
    """Return what a template writes, and where each of its characters comes from, without Jinja."""
    contents: list[Written] = []
    start = 0
    for message in messages:
        contents.append([(c, start + k) for k, c in enumerate(message["content"])])
        start += len(message["content"]) + 1
    out: Written = template_text({"llama": "<s>", "inst": "<s>", "without_system": "You are kind.\n"}.get(template, ""))
    pairs = list(zip(messages, contents, strict=True))
    for message, content in pairs[::-1] if template == "last_first" else pairs:
        role, trimmed = message["role"], trim(content)
        before, after, said = {
            "chatml": (f"<|im_start|>{role}\n", "<|im_end|>\n", content),
            "llama": (f"<|start|>{role}<|end|>\n\n", "<|eot|>", trimmed),
            "inst": ("[INST] ", " [/INST]", trimmed) if role == "user" else (" ", " </s>", trimmed),
            "without_system": (f"{role.capitalize()}: ", "\n", content) if role != "system" else ("", "", []),
            "alternating": (f"{role}>", "\n", content),
            "last_again": (f"{role}: ", "\n", content),
            "last_first": (f"{role}: ", "\n", content),
            "without_thoughts": (f"<|im_start|>{role}\n", "<|im_end|>\n", without_thoughts(content)),
        }[template]
        out += template_text(before) + said + template_text(after)
    if template == "last_again":
        out += template_text("Judge this: ") + contents[-1]
    return out


def trim(content: Written) -> Written:
    text = "".join(c for c, _ in content)
    return content[len(text) - len(text.lstrip()) : len(text.rstrip())]


def without_thoughts(content: Written) -> Written:
    text = "".join(c for c, _ in content)
    if "</think>" not in text:
        return content
    rest = text.split("</think>")[-1].lstrip("\n")
    return content[len(content) - len(rest) :]


def offsets_by_hand(kind: str, tokenizer: Any, rendered: str, ids: list[int]) -> list[tuple[int, int]]:
    """Return the characters of each token of the rendered text."""
    if kind in FAST:
        encoded = tokenizer(rendered, add_special_tokens=False, return_offsets_mapping=True)
        assert encoded["input_ids"] == ids
        return encoded["offset_mapping"]
    offsets, at = [], 0
    eats_blanks = kind == "bytes"  # ByT5's `</s>` takes the blanks around it
    for piece in tokenizer.convert_ids_to_tokens(ids):
        if kind == "python":
            at += len(rendered[at:]) - len(rendered[at:].lstrip())
        if piece in (*SPECIAL, "<s>", "</s>"):
            at = rendered.index(piece, at) if eats_blanks else at
            offsets.append((at, at + len(piece)))
        elif kind == "python":
            offsets.append((at, at + (1 if piece == "<unk>" else len(piece))))
        else:  # a byte, of a character that starts at the same place
            byte_of = [k for k, c in enumerate(rendered[at : at + 4], at) for _ in c.encode()]
            start = next(k for k in byte_of if k >= at)
            done = sum(1 for a, _ in offsets if a == start)
            offsets.append((start, start + 1))
            at = start + 1 if done + 1 == len(rendered[start].encode()) else start
            continue
        at = offsets[-1][1]
    return offsets


def expected_units(written: Written, offsets: list[tuple[int, int]], text: str) -> dict[tuple[int, int], set[int]]:
    """Return the tokens of each word of the contents that the template writes, by its place in them."""
    tokens_at: dict[int, set[int]] = {}
    for t, (a, b) in enumerate(offsets):
        for _, origin in written[a:b]:
            tokens_at.setdefault(origin, set()).add(t)
    spans = [match.span() for match in re.finditer(r"[電影]|[^\W電影]+|[^\w\s]", text)]
    units = {(a, b): set.union(*(tokens_at.get(k, set()) for k in range(a, b))) for a, b in spans}
    return {span: tokens for span, tokens in units.items() if tokens}


def chat_classifier(kind: str, problem_type: ProblemType) -> tuple[PreTrainedModel, Any]:
    """Return a tiny classifier; the pad token of the decoder is its end token, and it pads on the left."""
    decoder = kind == "llama"
    tokenizer = chat_tokenizer("byte_level", TEMPLATE_OF[kind], padding_side="left" if decoder else "right")
    if kind == "bart":
        tokenizer.chat_template = TEMPLATES["last_again"] + "{{ eos_token }}"
    if not decoder:
        tokenizer.pad_token = "<|start|>"
    head = {"num_labels": 1 if problem_type == "regression" else 3, "problem_type": problem_type}
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12}
    if decoder:
        ids = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
        config = LlamaConfig(vocab_size=len(tokenizer), **sizes, **ids, **head)
    else:
        config = config_of(kind, len(tokenizer), problem_type)
        config.max_position_embeddings = 256
        config.pad_token_id = tokenizer.pad_token_id
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = (LlamaForSequenceClassification if decoder else MODELS[kind])(config).to(torch.float64)
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.data.normal_(0, 0.5)
    return model.eval(), tokenizer
