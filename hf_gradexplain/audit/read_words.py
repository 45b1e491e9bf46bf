"""Read the words of document files with their scores, in blocks of documents."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hf_gradexplain.audit.removed_alone import drops_alone
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.correlation import REFERENCE
from hf_gradexplain.evaluation.documents import open_documents
from hf_gradexplain.evaluation.read_documents import (
    BLOCK,
    read_tables,
    struct_fields,
    to_array,
    to_ragged,
)

COLUMNS = ("id", "label", "target", "prediction", "regression", "objective", "units.list.element.text")


class Vocabulary:
    """Gives each word of document files a code, in the order in which words are first read.

    Args:
        key: A function of the text of a unit; units with equal results are the same word. `str.lower` ignores case.
            None for the text as it is.

    Attributes:
        words: The words; the code of a word is its index.

    Example:
        >>> vocabulary = Vocabulary(str.lower)
        >>> vocabulary.codes(["The", "cat", "the"])
        array([0, 1, 0])
        >>> vocabulary.words
        ['the', 'cat']
    """

    def __init__(self, key: Callable[[str], str] | None = None) -> None:
        self.key = key
        self.words: list[str] = []
        self._code_of: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.words)

    def codes(self, texts: Sequence[str]) -> np.ndarray:
        """Return the code of each text `(n,)`, with new codes for new words."""
        codes = np.empty(len(texts), dtype=np.int64)
        for number, text in enumerate(texts):
            word = text if self.key is None else self.key(text)
            code = codes[number] = self._code_of.setdefault(word, len(self.words))
            if code == len(self.words):
                self.words.append(word)
        return codes


@dataclass(frozen=True, eq=False)
class WordBlock:
    """The words of `n` documents: `W` pairs of a document and a word that occurs in it, ordered by document.

    Units that are the same word form one pair, at the place of the first unit. The scores of a pair are the sums of
    the scores of its units.

    Attributes:
        ids: `(n,)` row numbers of the documents in the dataset.
        label: `(n,)` their labels, -1 for a missing label.
        target: `(n,)` the explained classes.
        prediction: `(n,)` the predicted classes.
        probability: `(n,)` the probability of the target (for regression, the output). Under a contrast, the
            probability of the target if there were only the two classes.
        document: `(W,)` the document of each pair, as an index into the arrays above.
        word: `(W,)` the word of each pair, as a code of the vocabulary.
        scores: `(W,)` the scores of each method.
        drop: `(W,)` how far `probability` falls when only this word is masked, computed from `loo`. NaN if the run
            has no `loo`, under the objective `logit`, and for words of several units, whose drops do not add up.
    """

    ids: np.ndarray
    label: np.ndarray
    target: np.ndarray
    prediction: np.ndarray
    probability: np.ndarray
    document: np.ndarray
    word: np.ndarray
    scores: Mapping[str, np.ndarray]
    drop: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def counts(self) -> np.ndarray:
        """`(n,)` the number of words of each document."""
        return np.bincount(self.document, minlength=len(self))


def methods_of(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return the methods of document files, in the order of the run."""
    schema = open_documents(paths[0]).schema_arrow
    return tuple(field.name for field in schema.field("scores").type)


def read_words(
    paths: Sequence[Path],
    vocabulary: Vocabulary,
    methods: Sequence[str] | None = None,
    size: int = BLOCK,
    ids: np.ndarray | None = None,
) -> Iterator[WordBlock]:
    """Yield the words of all documents of these files in order, `size` documents at a time.

    Args:
        paths: Document files of one run.
        vocabulary: Gives words their codes; new words are added as files are read.
        methods: The methods whose scores are read; None for all.
        size: The number of documents of a block; the last block may be smaller.
        ids: The documents to read; None for all.

    Raises:
        GradexplainError: A method is not among those of the run, the documents were published without their texts, or
            a file is damaged.
    """
    names = methods_of(paths)
    chosen = names if methods is None else tuple(methods)
    if missing := [name for name in chosen if name not in names]:
        raise GradexplainError(f"the run has no scores of {missing[0]!r}: choose among {', '.join(names)}")
    scored = {*chosen, *({REFERENCE} & {*names})}
    columns = [*COLUMNS, f"curves.{names[0]}", *(f"scores.{name}" for name in names if name in scored)]
    for table in read_tables(paths, columns, size, ids):
        yield _block(table, vocabulary, chosen)


def _block(table: pa.Table, vocabulary: Vocabulary, methods: Sequence[str]) -> WordBlock:
    units = table["units"].combine_chunks()
    ends = units.offsets.to_numpy()
    document = np.repeat(np.arange(len(table)), np.diff(ends))
    word = _words(units.values.field("text")[ends[0] : ends[-1]], vocabulary)
    scores = {name: to_ragged(column).values for name, column in struct_fields(table, "scores").items()}
    (curve,) = struct_fields(table, "curves").values()
    probability = to_ragged(curve).first
    drop = _drops(table, probability, document, scores.get(REFERENCE))
    first, pair = _pairs(document, word, len(vocabulary))
    repeated = np.bincount(pair) > 1
    return WordBlock(
        **{name: to_array(table[name]) for name in ("target", "prediction")},
        ids=to_array(table["id"]),
        label=to_array(pc.fill_null(table["label"], -1)),
        probability=probability,
        document=document[first],
        word=word[first],
        scores={name: np.bincount(pair, scores[name], len(first)) for name in methods},
        drop=np.where(repeated, np.nan, drop[first]),
    )


def _words(texts: pa.StringArray, vocabulary: Vocabulary) -> np.ndarray:
    """Return the code of each text `(U,)`; every distinct text is looked up once."""
    if texts.null_count:
        raise GradexplainError("these documents were published without their texts: give the folder of the run itself")
    encoded = texts.dictionary_encode()
    codes = vocabulary.codes(encoded.dictionary.to_pylist())
    return codes[encoded.indices.to_numpy()]


def _pairs(document: np.ndarray, word: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the index of the first unit of each pair of document and word, and the pair of each unit."""
    _, first, pair = np.unique(document * size + word, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[pair]


def _drops(table: pa.Table, probability: np.ndarray, document: np.ndarray, loo: np.ndarray | None) -> np.ndarray:
    """Return how far the probability falls without each unit `(U,)`."""
    if loo is None:
        return np.full(len(document), np.nan)
    objective, regression = (to_array(table[name])[document] for name in ("objective", "regression"))
    return drops_alone(probability[document], loo, objective, regression)
