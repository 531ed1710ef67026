"""From DNA to token ids and back to bases: letters, non-overlapping k-mers, overlapping k-mers, byte-pair encodings.

Every tokenizer gives, beside the ids, the bases that each token stands for (`spans`); special tokens stand for none.
That map is what `embed_bases` and per-base likelihoods are read through. Ids are those of the models' own tokenizers,
down to lower case, N and white space; nothing is made upper case that they do not.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from dnabench.harness.engine.reader import Ints, Tokens
from dnabench.harness.errors import AdapterError

ORDER = "ATCG"  # in which the vocabularies of Nucleotide Transformer and DNABERT list their k-mers
DNABERT_PIECE = 510  # k-mers between [CLS] and [SEP] in DNABERT's tokenizer
DNABERT_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

T = TypeVar("T")


@dataclass(frozen=True)
class Letters:
    """A token per base; letters that the vocabulary lacks become `unknown`.

    >>> HYENADNA.encode("ACGTNa").ids.tolist(), CADUCEUS.encode("ACGTNa").ids.tolist()
    ([7, 8, 9, 10, 11, 6, 1], [7, 8, 9, 10, 11, 7, 1])
    """

    vocabulary: Mapping[str, int]
    unknown: int
    pad: int
    mask: int
    upper: bool = False
    after: tuple[int, ...] = ()
    left: bool = False

    def encode(self, sequence: str) -> Tokens:
        """Base i is token i; what comes `after` stands for no base."""
        letters = np.frombuffer(sequence.encode("latin-1", "replace"), dtype=np.uint8)
        ids = np.append(self._table[letters], np.array(self.after, dtype=np.int64))
        starts = np.arange(len(letters))
        spans = np.zeros((len(ids), 2), dtype=np.int64)
        spans[: len(letters)] = np.stack([starts, starts + 1], axis=1)
        return Tokens(ids, spans)

    @cached_property
    def _table(self) -> Ints:
        table = np.full(256, self.unknown, dtype=np.int64)
        for letter, token in self.vocabulary.items():
            for case in {letter, letter.lower()} if self.upper else {letter}:
                table[ord(case)] = token
        return table


_BASES = {"A": 7, "C": 8, "G": 9, "T": 10, "N": 11}

HYENADNA = Letters(_BASES, unknown=6, pad=4, mask=3, after=(1,), left=True)
"""[SEP] behind, nothing in front; lower case is unknown."""

CADUCEUS = Letters(_BASES, unknown=6, pad=4, mask=3, upper=True, after=(1,), left=True)
"""As HyenaDNA's, made upper case."""

GPN = Letters({"A": 3, "C": 4, "G": 5, "T": 6}, unknown=2, pad=0, mask=1, upper=True)
"""No special tokens around; N is unknown."""

CONVNOVA = Letters({"A": 0, "C": 1, "G": 2, "T": 3}, unknown=4, pad=4, mask=4, upper=True, left=True)
"""N, padding and the mask are one id."""


@dataclass(frozen=True)
class Blocks:
    """Nucleotide Transformer's tokens: from the left as many whole k-mers as there are, single letters elsewhere.

    One N moves the frame of all that follows. A run of letters that the vocabulary lacks (lower case, IUPAC) is one
    unknown token; white space ends a run and disappears; special tokens may be written out.

    >>> Blocks(nt_vocabulary("v2", 3)).encode("ACGTNNACGxy").ids.tolist()
    [3, 17, 71, 74, 74, 17, 0]
    """

    vocabulary: Mapping[str, int]
    left: bool = False

    @property
    def pad(self) -> int:
        """Id of <pad>."""
        return self.vocabulary["<pad>"]

    @property
    def mask(self) -> int:
        """Id of <mask>."""
        return self.vocabulary["<mask>"]

    def encode(self, sequence: str) -> Tokens:
        """<cls>, then the k-mers and letters; there is no end token."""
        ids, spans, end = [self.vocabulary["<cls>"]], [(0, 0)], 0
        for found in self._pattern.finditer(sequence):
            self._unknown(sequence, end, found.start(), ids, spans)
            ids.append(self.vocabulary[found.group()])
            spans.append((0, 0) if found.group().startswith("<") else found.span())
            end = found.end()
        self._unknown(sequence, end, len(sequence), ids, spans)
        return _tokens(ids, spans)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        words = [name for name in self.vocabulary if not name.startswith("<")]
        k = max(map(len, words))
        letters = "".join(name for name in words if len(name) == 1)
        specials = "|".join(re.escape(name) for name in self.vocabulary if name.startswith("<"))
        return re.compile(f"{specials}|[{ORDER}]{{{k}}}|[{letters}]")

    def _unknown(self, sequence: str, start: int, end: int, ids: list[int], spans: list[tuple[int, int]]) -> None:
        for run in re.finditer(r"\S+", sequence[start:end]):
            ids.append(self.vocabulary["<unk>"])
            spans.append((start + run.start(), start + run.end()))


def nt_vocabulary(version: str, k: int = 6) -> dict[str, int]:
    """Token to id of Nucleotide Transformer `v1` or `v2`; v1's last two ids have no row in the model.

    >>> nt_vocabulary("v1")["AAAAAA"], nt_vocabulary("v2")["AAAAAA"], nt_vocabulary("v1")["N"]
    (4, 6, 4104)
    """
    ends = ["<eos>", "<bos>"]
    names = ["<unk>", "<pad>", "<mask>", "<cls>", *(ends if version == "v2" else ())]
    names += [*kmers(k), *ORDER, "N", *(() if version == "v2" else ends)]
    return {name: token for token, name in enumerate(names)}


@dataclass(frozen=True)
class Overlapping:
    """DNABERT's tokens: a k-mer from every base, [CLS] in front and [SEP] behind; other letters make it unknown.

    From 510 k-mers on the authors' tokenizer starts a new [CLS] … [SEP] after each 510; `piece=None` does not.
    `listed` are the ids of a vocab.txt, where they may be others than the authors'.

    >>> Overlapping(3).encode("ACGTN").ids.tolist()
    [2, 16, 50, 1, 3]
    """

    k: int
    piece: int | None = DNABERT_PIECE
    listed: Mapping[str, int] = field(default_factory=dict)
    left: bool = field(init=False, default=False)

    @cached_property
    def pad(self) -> int:
        """Id of [PAD]."""
        return self._marks["[PAD]"]

    @cached_property
    def mask(self) -> int:
        """Id of [MASK]."""
        return self._marks["[MASK]"]

    def encode(self, sequence: str) -> Tokens:
        """K-mer j covers the bases j … j + k - 1."""
        starts, unknown = range(len(sequence) - self.k + 1), self._marks["[UNK]"]
        ids = self._marked([self.vocabulary.get(sequence[j : j + self.k], unknown) for j in starts])
        return _tokens(ids, self._framed([(j, j + self.k) for j in starts], (0, 0), (0, 0)))

    def read(self, text: str) -> Ints:
        """Ids of k-mers and special tokens that are written with spaces between them.

        >>> Overlapping(3).read("ACG [MASK] GTA").tolist()
        [2, 16, 4, 57, 3]
        """
        words: list[str] = []
        for word in text.split():
            words += [word] if word in self._marks else re.findall(r"[^\W_]+|[\W_]", word)
        known = {**self.vocabulary, **self._marks}
        return np.array(self._marked([known.get(word, known["[UNK]"]) for word in words]), dtype=np.int64)

    @cached_property
    def vocabulary(self) -> dict[str, int]:
        """K-mer to id, behind the special tokens where no file says otherwise."""
        return {kmer: self.listed.get(kmer, len(DNABERT_SPECIALS) + i) for i, kmer in enumerate(kmers(self.k))}

    @cached_property
    def _marks(self) -> dict[str, int]:
        return {name: self.listed.get(name, i) for i, name in enumerate(DNABERT_SPECIALS)}

    def _marked(self, tokens: list[int]) -> list[int]:
        return self._framed(tokens, self._marks["[CLS]"], self._marks["[SEP]"])

    def _framed(self, tokens: list[T], first: T, last: T) -> list[T]:
        piece = self.piece or len(tokens) + 1
        cuts = range(0, len(tokens) + 1, piece)
        return [token for cut in cuts for token in (first, *tokens[cut : cut + piece], last)]


@dataclass(frozen=True)
class BytePairs:
    """DNABERT-2's, GENA-LM's and GROVER's tokens, by the `tokenizers` library from their tokenizer.json."""

    file: Path
    left: bool = False

    def encode(self, sequence: str) -> Tokens:
        """Ids and offsets as the library reports them, [CLS] in front and [SEP] behind."""
        encoded = self._library.encode(sequence)
        return _tokens(encoded.ids, encoded.offsets)

    @cached_property
    def pad(self) -> int:
        """Id of [PAD]."""
        return self._id("[PAD]")

    @cached_property
    def mask(self) -> int:
        """Id of [MASK]."""
        return self._id("[MASK]")

    @cached_property
    def vocabulary(self) -> dict[str, int]:
        """Text to id, added tokens included."""
        return dict(self._library.get_vocab())

    def _id(self, name: str) -> int:
        token = self._library.token_to_id(name)
        if token is None:
            raise AdapterError(f"{self.file} has no token {name}; a tokenizer of this family has one.")
        return int(token)

    @cached_property
    def _library(self) -> Any:
        try:
            from tokenizers import Tokenizer as Library
        except ImportError:
            raise AdapterError(f"{self.file} is read by the tokenizers library: pip install tokenizers.") from None
        content = self.file.read_bytes()
        library = Library.from_str((gzip.decompress(content) if self.file.suffix == ".gz" else content).decode())
        # A file may keep the length that rows were cut or padded to when it was saved; nothing is cut here unseen.
        library.no_truncation()
        library.no_padding()
        return library


def kmers(k: int) -> list[str]:
    """All k-mers in the order of the vocabularies.

    >>> kmers(2)[:5]
    ['AA', 'AT', 'AC', 'AG', 'TA']
    """
    return ["".join(letters) for letters in product(ORDER, repeat=k)]


def _tokens(ids: Iterable[int], spans: Iterable[tuple[int, int]]) -> Tokens:
    spanned = np.array(list(spans), dtype=np.int64).reshape(-1, 2)
    return Tokens(np.array(list(ids), dtype=np.int64), spanned)
