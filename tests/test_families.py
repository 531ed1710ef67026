"""Cards are light and complete, and what they say of published checkpoints is what their networks have."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dnabench.adapters.card import Card
from dnabench.adapters.dnabert import kmer
from dnabench.adapters.families import card_named, card_of, cards
from dnabench.adapters.nucleotide_transformer import version_of
from dnabench.harness import registry
from dnabench.harness.cli import run_words
from dnabench.harness.errors import AdapterError, RequestError
from dnabench.harness.making import is_checkpoint, lm_eval_spelling
from dnabench.harness.sequence import reverse_complement

ADAPTERS = Path(__file__).resolve().parents[1] / "adapters"
BERT = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
NT = "InstaDeepAI/nucleotide-transformer-"


def esm(rows: int, width: int, layers: int, heads: int, inner: int) -> dict[str, Any]:
    """A Nucleotide Transformer's configuration: v2 where the vocabulary has 4,107 rows."""
    sizes = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": inner,
    }
    second = {"add_bias_fnn": False, "position_embedding_type": "rotary", "max_position_embeddings": 2050}
    first = {"max_position_embeddings": 1002}
    same = {"model_type": "esm", "vocab_size": rows, "tie_word_embeddings": False}
    return {**same, **sizes, **(second if rows == 4107 else first)}


PUBLISHED: dict[str, dict[str, Any]] = {
    "LongSafari/hyenadna-tiny-1k-seqlen-hf": dict(card_named("hyenadna").sizes["tiny-1k"]),
    "LongSafari/hyenadna-small-32k-seqlen-hf": dict(card_named("hyenadna").sizes["small-32k"]),
    "LongSafari/hyenadna-medium-160k-seqlen-hf": dict(card_named("hyenadna").sizes["medium-160k"]),
    "LongSafari/hyenadna-tiny-1k-seqlen-d256-hf": {**card_named("hyenadna").sizes["tiny-1k"], "d_model": 256},
    "kuleshov-group/caduceus-ph_seqlen-1k_d_model-256_n_layer-4_lr-8e-3": dict(card_named("caduceus").sizes["ph-1k"]),
    "kuleshov-group/caduceus-ps_seqlen-131k_d_model-256_n_layer-16": dict(card_named("caduceus").sizes["ps-131k"]),
    "zhihan1996/DNABERT-2-117M": {**BERT, "vocab_size": 4096, "alibi_starting_size": 512},
    f"{NT}500m-human-ref": esm(4105, 1280, 24, 20, 5120),
    f"{NT}2.5b-multi-species": esm(4105, 2560, 32, 20, 10_240),
    f"{NT}v2-50m-multi-species": esm(4107, 512, 12, 16, 2048),
    f"{NT}v2-100m-multi-species": esm(4107, 512, 22, 16, 2048),
    f"{NT}v2-500m-multi-species": esm(4107, 1024, 29, 16, 4096),
}
CONTEXTS = {
    "LongSafari/hyenadna-tiny-1k-seqlen-hf": (1026, 1024),
    "LongSafari/hyenadna-medium-160k-seqlen-hf": (160_002, 160_000),
    f"{NT}500m-human-ref": (1000, 5994),
    f"{NT}v2-50m-multi-species": (2048, 12_282),
    "zhihan1996/DNABERT-2-117M": (None, 10_000),
}
"""Tokens and bases, as the models' own pages and BEND say."""

each_card = pytest.mark.parametrize("card", cards().values(), ids=list(cards()))


@each_card
def test_a_card_is_complete(card: Card) -> None:
    assert card_named(card.name) is card
    for text in (card.title, card.tokens, card.unknown, card.licence):
        assert text
    assert card.lora_targets
    assert set(card.ia3_feedforward) <= set(card.ia3_targets)
    assert card.name == "remote-code" or card.checkpoints or card.sizes
    assert all(name.count("/") == 1 for name in card.checkpoints)
    assert bool(card.likelihood) != (card.name == "remote-code")


def test_a_checkpoint_belongs_to_one_family() -> None:
    names = [name for card in cards().values() for name in card.checkpoints]
    assert len(names) == len(set(names))


def test_cards_fit_on_a_page() -> None:
    for file in {Path(str(sys.modules[type(card).__module__].__file__)).parent for card in cards().values()}:
        assert file == ADAPTERS
    for name in registry.families():
        lines = (ADAPTERS / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8").count("\n")
        assert lines <= 100, name


def test_cards_are_read_without_arrays_or_networks() -> None:
    code = (
        "import sys; from dnabench.harness import registry; assert registry.family_lines()\n"
        "print([m for m in ('numpy', 'torch', 'transformers', 'tokenizers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_list_of_models_shows_a_checkpoint_of_every_family(capsys) -> None:
    assert run_words(["list", "models"]) == 0
    out = capsys.readouterr().out
    for card in cards().values():
        assert card.name in out
        assert not card.checkpoints or next(iter(card.checkpoints)) in out


@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch: pip install 'dnabench[torch]'")
@pytest.mark.parametrize("name", list(PUBLISHED))
def test_a_published_configuration_has_the_number_of_parameters_on_the_card(name: str) -> None:
    import torch

    from dnabench.adapters.ports.common import parameters
    from dnabench.adapters.ports.registry import build

    (card,) = [card for card in cards().values() if card.serves(PUBLISHED[name])]
    with torch.device("meta"):
        assert parameters(build(PUBLISHED[name])) == card.checkpoints[name].parameters


@pytest.mark.parametrize(
    ("family", "rows"), [("dnabert", 4101), ("dnabert", 69), ("generator", 4128), ("nucleotide-transformer", 4107)]
)
def test_as_many_bases_as_a_context_holds_fill_its_tokens(family: str, rows: int) -> None:
    card, config = card_named(family), {"vocab_size": rows}
    tokens, bases = card.context(config)
    assert tokens is not None
    assert bases is not None
    tokenizer = card.tokenizer(config, None)
    full, more = (len(tokenizer.encode(("ACGTT" * n)[:n]).ids) for n in (bases, bases + 6))
    assert full == tokens < more


@pytest.mark.parametrize("name", list(CONTEXTS))
def test_the_context_is_what_the_model_was_built_for(name: str) -> None:
    (card,) = [card for card in cards().values() if card.serves(PUBLISHED[name])]
    assert card.context(PUBLISHED[name]) == CONTEXTS[name]


def test_a_vocabulary_says_which_model_it_is() -> None:
    assert [version_of(rows) for rows in (4105, 4107, 73, 75)] == [("v1", 6), ("v2", 6), ("v1", 3), ("v2", 3)]
    assert [kmer({"vocab_size": rows}) for rows in (69, 261, 1029, 4101, 4102, 30_522)] == [3, 4, 5, 6, 6, None]
    with pytest.raises(AdapterError, match=r"a vocabulary of 5000 is no Nucleotide Transformer's"):
        version_of(5000)


def test_words_that_are_models_and_words_that_are_tasks() -> None:
    for word in ("kmer", "hyenadna", "org/name", "org/name@v1", "mine.py:Net"):
        assert registry.names_model(word), word
    for word in ("yeast", "yeast/coding", "gue/emp_*", "data.csv", "mine/suite.yaml", "a/rows.csv.gz"):
        assert not registry.names_model(word), word
    assert not is_checkpoint("a/b/c")
    assert lm_eval_spelling({"pretrained": "a/b"}) == ("a/b", {})
    with pytest.raises(RequestError, match="needs --model-args pretrained="):
        lm_eval_spelling({})


@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch: pip install 'dnabench[torch]'")
def test_a_family_from_scratch_has_published_sizes() -> None:
    from dnabench.adapters.pretrained import Pretrained

    small = Pretrained(adapter="convnova", init="random")
    assert small.info.parameters == 386_240
    assert small.info.options["size"] == "386k"
    assert small.embed(["ACGT", "GG"]).shape == (2, 64)
    assert Pretrained(adapter="hyenadna", init="random", size="small-32k").info.parameters == 3_281_664
    tiny = Pretrained(adapter="hyenadna", init="random").network.state_dict()
    assert {float(waves.mean()) for name, waves in tiny.items() if name.endswith("freq")} == {10.0}
    with pytest.raises(RequestError, match=r"is a family: name a checkpoint \(LongSafari"):
        Pretrained(adapter="hyenadna")
    with pytest.raises(RequestError, match=r"it has 386k, 1\.7m, 7m"):
        Pretrained(adapter="convnova", init="random", size="9b")
    with pytest.raises(RequestError, match="no size to build from scratch"):
        Pretrained(adapter="grover", init="random")


@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch: pip install 'dnabench[torch]'")
@pytest.mark.parametrize(("size", "strands"), [("ps-1k", "equivariant"), ("ph-1k", "one strand")])
def test_a_caduceus_from_scratch_is_equivariant_where_its_size_says_so_and_its_record_says_so(
    size: str, strands: str
) -> None:
    import torch

    from dnabench.adapters.pretrained import Pretrained

    model = Pretrained(adapter="caduceus", init="random", size=size)
    row = "ACGGTTACAG" * 3
    bases = [model.tokenizer.encode(one).ids[:-1] for one in (row, reverse_complement(row))]  # without [SEP] behind
    one, other = model.network(torch.tensor(np.stack(bases))).last_hidden_state
    assert model.info.strands == strands
    assert torch.allclose(other, one.flip(0, 1), atol=1e-5) is (strands == "equivariant")


@pytest.mark.parametrize("rows", [None, "many", [4101], -1])
def test_a_vocabulary_that_is_no_number_belongs_to_no_family(rows: object) -> None:
    with pytest.raises(AdapterError, match=r"no family here knows its config\.json"):
        card_of({"model_type": "bert", "vocab_size": rows}, "here")
