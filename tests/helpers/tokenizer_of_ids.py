"""A tokenizer of token ids, for models of which other tools explain ids."""

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast


def tokenizer_of_ids() -> PreTrainedTokenizerFast:
    """Return a tokenizer for which "w7" is the token 7, without special tokens around a text."""
    vocabulary = {"<pad>": 0, "<unk>": 1, **{f"w{i}": i for i in range(2, 64)}}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"pad_token": "<pad>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, **special, model_input_names=["input_ids", "attention_mask"]
    )
