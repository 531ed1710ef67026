"""Tokenizers give the ids and offsets of the models' own, on the vectors of the conformance folders and by property."""

import json
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnabench.adapters.nucleotide_transformer import version_of
from dnabench.adapters.ports.family import family_of
from dnabench.adapters.tokenizers import (
    CADUCEUS,
    CONVNOVA,
    GPN,
    HYENADNA,
    Blocks,
    BytePairs,
    Letters,
    Overlapping,
    kmers,
    nt_vocabulary,
)
from dnabench.harness.engine.reader import Objective, Reader, Tokenizer, Tokens
from dnabench.harness.errors import AdapterError

VARIABLE = "DNABENCH_CONFORMANCE"
ROOT = os.environ.get(VARIABLE)

vectors = pytest.mark.skipif(not ROOT, reason=f"{VARIABLE} is not set")
dna = st.text(alphabet="ACGTNacgtRY", max_size=60)


def cases(kind: str) -> list[tuple[Path, Mapping[str, Any]]]:
    """(folder, case) of every tokenizer folder whose `model` is this one."""
    found = []
    for file in sorted(Path(ROOT or ".").glob("*/cases.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        if content.get("model") == kind and not (file.parent / "weights.safetensors").exists():
            found += [(file.parent, case) for case in content["cases"]]
    return found


def some(kind: str) -> list[tuple[Path, Mapping[str, Any]]]:
    """The same, or a skip with the reason."""
    return cases(kind) or pytest.skip(f"{ROOT} has no tokenizer folder of {kind}")


@vectors
def test_a_tokenizer_folder_is_of_a_family_that_is_tested_here() -> None:
    for file in sorted(Path(str(ROOT)).glob("*/cases.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        if "tokenizer" in f"{content.get('format')} {file.parent.name}":
            assert content.get("model") in ("nt", "dnabert", "dnabert2", "gena"), (
                f"{file.parent.name}: no test reads it"
            )


@vectors
def test_nucleotide_transformer_ids_equal_the_authors() -> None:
    for _, case in some("nt"):
        for key in (key for key, said in case.items() if isinstance(said, dict)):
            version, _, k = key.removesuffix("mer").partition("_")
            tokens = Blocks(nt_vocabulary(version, int(k or 6))).encode(case["sequence"])
            assert tokens.ids.tolist() == case[key]["input_ids"], (key, case["sequence"])
            assert words(case["sequence"], tokens) == [t for t in case[key]["tokens"] if t[0] != "<"]


@vectors
def test_nucleotide_transformer_vocabularies_equal_the_files() -> None:
    files = sorted(Path(str(ROOT)).glob("*/vocab.v*.txt")) or pytest.skip(f"{ROOT} has no vocabulary file")
    for file in files:
        version, _, k = file.stem.split(".")[1].removesuffix("mer").partition("_")
        assert list(nt_vocabulary(version, int(k or 6))) == file.read_text(encoding="utf-8").split("\n")


@vectors
def test_dnabert_ids_equal_the_authors() -> None:
    for _, case in some("dnabert"):
        if case["sequence"] is None:
            assert Overlapping(case["k"]).read(case["text"]).tolist() == case["input_ids"], case["text"]
            continue
        tokens = Overlapping(case["k"]).encode(case["sequence"])
        assert tokens.ids.tolist() == case["input_ids"], case["sequence"][:60]
        if "tokens" in case:
            assert words(case["sequence"], tokens) == case["tokens"]


@vectors
@pytest.mark.parametrize("kind", ["dnabert2", "gena"])
def test_byte_pairs_and_their_offsets_equal_the_authors(kind: str) -> None:
    pytest.importorskip("tokenizers")
    readers: dict[Path, BytePairs] = {}
    for folder, case in some(kind):
        tokenizer = readers.setdefault(folder, BytePairs(next(folder.glob("tokenizer.json*"))))
        tokens = tokenizer.encode(case["sequence"])
        assert tokens.ids.tolist() == case["input_ids"], case["sequence"]
        assert tokens.spans.tolist() == case["offsets"], case["sequence"]


@vectors
@pytest.mark.parametrize(
    ("model_type", "tokenizer"),
    [("hyenadna", HYENADNA), ("caduceus", CADUCEUS), ("convnova", CONVNOVA), ("GPN", GPN), ("ConvNet", GPN)],
)
def test_letters_have_the_ids_of_the_models_folders(model_type: str, tokenizer: Letters) -> None:
    checked = 0
    for config, case in model_cases():
        checked += config.get("model_type") == model_type and case_agrees(tokenizer, case)
    if not checked:
        pytest.skip(f"no case of {model_type} in {ROOT} has sequences")


@vectors
def test_kmers_have_the_ids_of_the_models_folders() -> None:
    checked = 0
    for config, case in model_cases():
        if family_of(config) == "nucleotide-transformer":
            checked += case_agrees(Blocks(nt_vocabulary(*version_of(config["vocab_size"]))), case)
        elif family_of(config) == "dnabert" and "k" in case:
            checked += case_agrees(Overlapping(case["k"], piece=None), case)
    if not checked:
        pytest.skip(f"no case of k-mers in {ROOT} has sequences")


@given(dna)
def test_blocks_are_the_greedy_longest_match(sequence: str) -> None:
    vocabulary = nt_vocabulary("v2", 3)
    expected, i, unknown = [vocabulary["<cls>"]], 0, False
    while i < len(sequence):
        word = next((sequence[i : i + n] for n in (3, 1) if sequence[i : i + n] in vocabulary), "")
        if word or not unknown:
            expected.append(vocabulary[word or "<unk>"])
        unknown = not word
        i += len(word) or 1
    assert Blocks(vocabulary).encode(sequence).ids.tolist() == expected


@pytest.mark.parametrize(("version", "k"), [("v1", 6), ("v2", 6), ("v2", 3)])
def test_blocks_are_the_ids_of_transformers_tokenizer(version: str, k: int, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    vocabulary, file = nt_vocabulary(version, k), tmp_path / "vocab.txt"
    file.write_text("\n".join(vocabulary), encoding="utf-8")
    theirs = transformers.EsmTokenizer(str(file), eos_token=None)
    words = [*"ACGTNacgtnRY-*1_é \t\n", "ACGTAC", "GGCATT", "NN", "acgt", "A" * 7, "<mask>", "<cls>", "<unk>", "<pad>"]
    draw = random.Random(version)
    for length in [*range(12), *[8] * 200, 3000]:
        sequence = "".join(draw.choices(words, k=length))
        assert Blocks(vocabulary).encode(sequence).ids.tolist() == theirs(sequence)["input_ids"], sequence


@given(dna)
@pytest.mark.parametrize("upper", [False, True])
def test_letters_are_read_one_by_one(upper: bool, sequence: str) -> None:
    tokenizer = CADUCEUS if upper else HYENADNA
    known = {"A": 7, "C": 8, "G": 9, "T": 10, "N": 11}
    expected = [known.get(letter.upper() if upper else letter, 6) for letter in sequence]
    assert tokenizer.encode(sequence).ids.tolist() == [*expected, 1]


@given(dna)
@pytest.mark.parametrize("tokenizer", [HYENADNA, CADUCEUS, GPN, CONVNOVA, Blocks(nt_vocabulary("v1"))])
def test_the_spans_of_a_sequence_cover_every_base_once(tokenizer: Tokenizer, sequence: str) -> None:
    spans = [span for span in tokenizer.encode(sequence).spans.tolist() if span[0] < span[1]]
    assert [i for start, end in spans for i in range(start, end)] == list(range(len(sequence)))


@given(dna, st.integers(2, 6))
def test_overlapping_kmers_start_at_every_base(sequence: str, k: int) -> None:
    spans = Overlapping(k).encode(sequence).spans[1:-1].tolist()
    assert spans == [[i, i + k] for i in range(len(sequence) - k + 1)]


def test_dnabert_begins_a_new_piece_after_510_kmers_unless_told_not_to() -> None:
    sequence = "A" * (510 + 2)
    assert Overlapping(3).encode(sequence).ids.tolist() == [2, *[5] * 510, 3, 2, 3]
    assert Overlapping(3, piece=None).encode(sequence).ids.tolist() == [2, *[5] * 510, 3]


def padded(tokenizer: Tokenizer, rows: list[Tokens], objective: Objective = "masked") -> tuple[Any, Any]:
    """Ids and where tokens are (rows, longest), as a network is given them."""
    torch = pytest.importorskip("torch")
    from dnabench.harness.engine.passes import collated

    reader = Reader(torch.nn.Identity(), tokenizer, attends=True, objective=objective)
    batch = collated(reader, np.arange(len(rows)), [row.ids for row in rows], torch.device("cpu"))
    return batch.ids.numpy(), batch.real.numpy()


def test_rows_are_padded_on_the_side_that_the_model_was_trained_with() -> None:
    rows = [HYENADNA.encode("ACG"), HYENADNA.encode("A")]
    ids, real = padded(HYENADNA, rows)
    assert ids.tolist() == [[7, 8, 9, 1], [4, 4, 7, 1]]
    assert real.tolist() == [[True, True, True, True], [False, False, True, True]]
    # What stands before cannot see padding that comes after.
    ids, real = padded(HYENADNA, rows, "causal")
    assert ids.tolist() == [[7, 8, 9, 1], [7, 1, 4, 4]]
    assert real.tolist() == [[True, True, True, True], [True, True, False, False]]


def test_all_kmers_are_there_once() -> None:
    assert sorted(kmers(4)) == sorted({*kmers(4)})
    assert len(kmers(6)) == 4096


def test_a_file_without_the_family_tokens_is_refused(tmp_path: Path) -> None:
    library = pytest.importorskip("tokenizers")
    file = tmp_path / "tokenizer.json"
    file.write_text(library.Tokenizer(library.models.BPE()).to_str(), encoding="utf-8")
    with pytest.raises(AdapterError, match=r"has no token \[PAD\]"):
        _ = BytePairs(file).pad


def model_cases() -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """(configuration, case) of every folder of a model."""
    found = []
    for file in sorted(Path(str(ROOT)).glob("*/config.json")):
        if (file.parent / "cases.json").is_file():
            config = json.loads(file.read_text(encoding="utf-8"))
            listed = json.loads((file.parent / "cases.json").read_text(encoding="utf-8"))["cases"]
            found += [(config, case) for case in listed]
    return found


def words(sequence: str, tokens: Tokens) -> list[str]:
    """The text that each token stands for, special tokens left out."""
    return [sequence[start:end] for start, end in tokens.spans.tolist() if start < end]


def case_agrees(tokenizer: Tokenizer, case: Mapping[str, Any]) -> bool:
    """Whether a case has sequences, after comparing its ids with ours where the case masked none."""
    if not case.get("sequences"):
        return False
    bare = case.get("append_sep", case.get("add_special_tokens", True)) is False
    rows = [tokenizer.encode(sequence) for sequence in case["sequences"]]
    if bare:
        rows = [Tokens(row.ids[row.spans[:, 1] > 0], row.spans) for row in rows]
    ids, _ = padded(tokenizer, rows)
    theirs = np.array(case["input_ids"])
    hidden = theirs == tokenizer.mask
    assert np.array_equal(np.where(hidden, tokenizer.mask, ids), theirs), case["name"]
    return True
