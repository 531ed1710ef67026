"""Through its card, a conformance folder's model says of DNA what the reference says: in a batch, alone, padded."""

import os
import shutil
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if find_spec("torch") is None or find_spec("tokenizers") is None:
    pytest.skip("needs torch and tokenizers: pip install 'dnabench[torch,hf]'", allow_module_level=True)

import torch

sys.path.insert(0, str(Path(__file__).parent))
from conformance_folders import VARIABLE, Folder, compared, sound
from model_folders import ROWS, write_tokenizer

from dnabench.adapters.byte_pairs import byte_pairs
from dnabench.adapters.families import cards
from dnabench.adapters.pretrained import Pretrained, clean

pytestmark = pytest.mark.usefixtures("one_thread")

SERVED = [folder for folder in sound() if any(card.serves(folder.config) for card in cards().values())]
BY_BASE = ("embedding_mean_bases", "embedding_mean_no_specials", "embedding_mean_kmers", "embedding_mean")

if not SERVED:
    where = os.environ.get(VARIABLE)
    pytest.skip(f"no folder of a card in {where!r}" if where else f"{VARIABLE} is not set", allow_module_level=True)

CASES = [
    pytest.param(folder, case, id=f"{folder.path.name}-{case['name']}")
    for folder in SERVED
    for case in folder.cases["cases"]
]
DNA = [one for one in CASES if one.values[1].get("sequences") and not any(one.values[1].get("masked_positions") or ())]


def last_state(folder: Folder, arrays: Mapping[str, Any]) -> tuple[str, Any]:
    """The name and the array of the state that the heads read; empty where the case does not store it."""
    if "last_hidden_state" in arrays:
        return "last_hidden_state", arrays["last_hidden_state"]
    layers = sorted((n for n in arrays if n.startswith("hidden_states.")), key=lambda n: int(n.split(".")[1]))
    normed = folder.family != "caduceus" or folder.config.get("fused_add_norm", True)
    return (layers[-1], arrays[layers[-1]]) if layers and normed else ("", None)


@pytest.mark.parametrize(("folder", "case"), CASES)
def test_the_loaded_network_says_what_the_reference_says(
    folder: Folder, case: Mapping[str, Any], tmp_path: Path
) -> None:
    arrays, model = folder.arrays(case), loaded(folder, tmp_path)
    mask = arrays.get("attention_mask") if case.get("attention_mask") is not None else None
    if case.get("token_type_ids") and np.any(case["token_type_ids"]):
        pytest.skip("DNA is never given in two segments")
    ids = arrays["input_ids"]
    given = (mask,) if mask is not None and model.card.attends else ()
    with torch.inference_mode():
        said = model.network(ids, *given)
    for name, expected, found in (
        (*last_state(folder, arrays), said.last_hidden_state),
        ("logits", arrays.get("logits"), said.logits),
    ):
        if expected is not None and found is not None:
            atol, rtol = folder.tolerance(name)
            keep = compared(case, arrays, found)
            np.testing.assert_allclose(found.numpy()[keep], expected.numpy()[keep], atol=atol, rtol=rtol, err_msg=name)


@pytest.mark.parametrize(("folder", "case"), DNA)
def test_a_model_reads_dna_as_the_reference_does(folder: Folder, case: Mapping[str, Any]) -> None:
    arrays, model = folder.arrays(case), Pretrained(str(folder.path))
    name, expected = last_state(folder, arrays)
    rows = plain_rows(model, case)
    if not rows or expected is None:
        pytest.skip("no row of DNA as a task has it: lower case, other specials, or padding that leaks")
    tokens = {row: model.tokenizer.encode(case["sequences"][row]) for row in rows}
    sequences = [case["sequences"][row] for row in rows]
    atol, rtol = folder.tolerance(name)
    together, backwards = model.embed(sequences), model.embed(sequences[::-1])[::-1]
    for place, row in enumerate(rows):
        bases = tokens[row].spans[:, 1] > tokens[row].spans[:, 0]
        states = expected[row].double().numpy()[: len(bases)][bases]
        for found in (together[place], backwards[place], model.embed([sequences[place]])[0]):
            np.testing.assert_allclose(found, states.mean(0), atol=2 * atol, rtol=rtol)
        if (np.diff(tokens[row].spans[bases]) == 1).all():
            (by_base,) = model.embed_bases([sequences[place]])
            np.testing.assert_allclose(by_base, states, atol=2 * atol, rtol=rtol)
    for pooled in BY_BASE:
        if pooled in arrays and len(rows) == len(case["sequences"]):
            np.testing.assert_allclose(together, arrays[pooled].numpy(), atol=2 * atol, rtol=rtol, err_msg=pooled)


def loaded(folder: Folder, elsewhere: Path) -> Pretrained:
    """The folder's model; where its ids are synthetic and no tokenizer lies beside it, with a small one of ours."""
    model = Pretrained(str(folder.path))
    if model.card.tokenizer is not byte_pairs or (folder.path / "tokenizer.json").exists():
        return model
    for file in folder.path.iterdir():
        if file.is_file():
            shutil.copyfile(file, elsewhere / file.name)
    write_tokenizer(elsewhere / "tokenizer.json", min(ROWS, int(folder.config["vocab_size"])))
    return Pretrained(str(elsewhere))


def plain_rows(model: Pretrained, case: Mapping[str, Any]) -> list[int]:
    """Rows whose stored ids are those that the card's tokenizer gives, with nothing in front of them."""
    longest = model.card.context(model.config)[1] or sys.maxsize
    found = []
    for row, sequence in enumerate(case.get("sequences") or []):
        if clean([sequence]) != [sequence] or len(sequence) > longest:
            continue
        ids = model.tokenizer.encode(sequence).ids.tolist()
        theirs = case["input_ids"][row]
        masked = model.card.attends and case.get("attention_mask") is not None
        padding = theirs[len(ids) :]
        if theirs[: len(ids)] == ids and (not padding or (masked and set(padding) == {model.tokenizer.pad})):
            found.append(row)
    return found


def test_every_card_with_reference_vectors_read_some_dna() -> None:
    plain, read = set(), set()
    for folder, case in (one.values for one in DNA):
        model = Pretrained(str(folder.path))
        longest = model.card.context(model.config)[1] or sys.maxsize
        alike = len({len(row) for row in case["sequences"]}) == 1  # so that no row is padded
        framed = case.get("append_sep", case.get("add_special_tokens", True))
        if alike and framed and all(set(row) <= set("ACGT") and len(row) <= longest for row in case["sequences"]):
            plain.add(folder.path.name)
        if plain_rows(model, case):
            read.add(folder.path.name)
    assert plain <= read
    assert read or not DNA
