"""Embeddings do not depend on batch, order, padding, device or blocks; pooling and windows are what they say."""

from dataclasses import replace
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

if find_spec("torch") is None:
    pytest.skip("needs torch: pip install 'dnabench[torch]'", allow_module_level=True)

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_readers import MAKERS, WINDOWS_OF_21, reader, rows
from torch import nn

from dnabench.harness.engine import passes, windows
from dnabench.harness.engine.pooling import per_base, pool
from dnabench.harness.engine.reading import Reader, Reading, bases_read, embed, embed_bases
from dnabench.harness.engine.windows import pieces
from dnabench.harness.errors import AdapterError, RequestError, Unavailable
from dnabench.harness.sequence import reverse_complement

FAMILIES = tuple(MAKERS)
MIXED = rows(50, 20, 300, 77, 77, 5, 130, 33, 77)


def close(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("long", ["crop", "windows", "windows-overlapping"])
def test_a_row_alone_says_what_it_says_among_others_in_any_order(family: str, long: Any) -> None:
    for reading in (Reading(long=long), Reading(long=long, pooling="max", tokens_per_batch=100)):
        together = embed(reader(family), MIXED, reading)
        assert together.dtype == np.float32
        close(together, np.concatenate([embed(reader(family), [s], reading) for s in MIXED]))
        close(together[::-1], embed(reader(family), MIXED[::-1], reading))
        np.testing.assert_array_equal(together, embed(reader(family), MIXED, reading))


@pytest.mark.parametrize("family", FAMILIES)
def test_bases_alone_say_what_they_say_among_others(family: str) -> None:
    together = embed_bases(reader(family), MIXED, Reading(long="windows"))
    for sequence, found in zip(MIXED, together, strict=True):
        assert found.shape[0] == len(sequence)
        assert np.isfinite(found).all()
        close(found, embed_bases(reader(family), [sequence], Reading(long="windows"))[0])


@pytest.mark.parametrize("family", FAMILIES)
def test_every_pooling_is_that_of_the_plain_forward_pass(family: str) -> None:
    one = reader(family)
    for sequence in rows(60, 31):
        tokens = one.tokenizer.encode(sequence)
        with torch.no_grad():
            states = one.network(torch.from_numpy(tokens.ids)[None]).last_hidden_state[0].numpy()
        bases = tokens.spans[:, 1] > tokens.spans[:, 0]
        wanted = {"mean": states[bases].mean(0), "max": states[bases].max(0), "last": states[-1], "cls": states[0]}
        for pooling, vector in wanted.items():
            reading = Reading(pooling=pooling)  # type: ignore[arg-type]
            if pooling == "cls" and bases[0]:
                with pytest.raises(RequestError, match="special token in front"):
                    embed(one, [sequence], reading)
            else:
                close(embed(one, [sequence], reading)[0], vector)


@pytest.mark.parametrize("family", FAMILIES)
def test_layers_are_those_that_the_network_reports(family: str) -> None:
    one, sequence = reader(family), rows(40, unknown=0)[0]
    tokens = one.tokenizer.encode(sequence)
    with torch.no_grad():
        states = one.network(torch.from_numpy(tokens.ids)[None], all_layers=True).hidden_states
    bases = tokens.spans[:, 1] > tokens.spans[:, 0]
    for layer in (0, 1, -2):
        close(embed(one, [sequence], Reading(layer=layer))[0], states[layer][0].numpy()[bases].mean(0))
    with pytest.raises(RequestError, match=r"layer is 99; this network has layers 0 \(the embedding\) to"):
        embed(one, [sequence], Reading(layer=99))


@pytest.mark.parametrize("family", FAMILIES)
def test_both_strands_averaged_are_the_same_from_either_strand(family: str) -> None:
    reading = Reading(strands="averaged", long="windows")
    others = [reverse_complement(s) for s in MIXED[:2]]
    one = embed(reader(family), MIXED[:2], Reading())
    both = embed(reader(family), MIXED[:2], reading)
    close(both, (one + embed(reader(family), others, Reading())) / 2)
    close(both, embed(reader(family), others, reading))
    bases = embed_bases(reader(family), MIXED[:2], reading)
    for forward, backward in zip(bases, embed_bases(reader(family), others, reading), strict=True):
        close(forward, backward[::-1])


def test_both_strands_of_a_cropped_row_are_those_of_what_is_read() -> None:
    one = replace(reader("caduceus"), context_bases=30)
    (sequence,) = rows(50)
    for long, kept in (("crop", slice(10, 40)), ("crop-left", slice(0, 30))):
        reading = Reading(strands="averaged", long=long)  # type: ignore[arg-type]
        whole = Reading(strands="averaged")
        close(embed(one, [sequence], reading), embed(one, [sequence[kept]], whole))
        found = embed_bases(one, [sequence], reading)[0]
        assert np.isnan(np.delete(found, np.arange(50)[kept], 0)).all()
        close(found[kept], embed_bases(one, [sequence[kept]], whole)[0])


def test_windows_weigh_by_their_bases_and_crops_keep_what_they_say() -> None:
    one = replace(reader("hyenadna"), context_bases=40)
    (sequence,) = rows(100)
    alone = embed(one, [sequence[:40], sequence[40:80], sequence[80:], sequence[30:70]], Reading())
    close(embed(one, [sequence], Reading(long="windows"))[0], (40 * alone[0] + 40 * alone[1] + 20 * alone[2]) / 100)
    close(embed(one, [sequence], Reading(long="crop"))[0], alone[3])
    close(embed(one, [sequence], Reading(long="crop-left"))[0], alone[0])
    assert bases_read(one, [sequence, "ACGT"], Reading()).tolist() == [40, 4]
    assert bases_read(one, [sequence], Reading(long="windows", max_bases=7)).tolist() == [100]
    with pytest.raises(RequestError, match="row 1 has 100 bases; the model reads 40 bases or 402 tokens at a time"):
        embed(one, ["ACGT", sequence], Reading(long="refuse"))


@settings(max_examples=60)
@given(
    length=st.integers(1, 400),
    family=st.sampled_from(FAMILIES),
    tokens=st.integers(6, 50),
    bases=st.one_of(st.none(), st.integers(4, 60)),
    long=st.sampled_from(["crop", "crop-left", "windows", "windows-overlapping"]),
)
def test_pieces_fit_and_their_own_bases_tile_what_is_read(
    length: int, family: str, tokens: int, bases: int | None, long: Any
) -> None:
    one = replace(reader(family), context_tokens=tokens, context_bases=bases)
    (sequence,) = rows(length, seed=length)
    found = pieces(one, [sequence], Reading(long=long))
    for piece in found:
        assert len(piece.tokens.ids) <= tokens
        assert piece.end - piece.start <= (bases or length)
        assert piece.start <= piece.first < piece.last <= piece.end
        np.testing.assert_array_equal(piece.tokens.ids, one.tokenizer.encode(sequence[piece.start : piece.end]).ids)
    own = [base for piece in found for base in range(piece.first, piece.last)]
    assert own == list(range(own[0], own[-1] + 1))
    if long.startswith("windows"):
        assert own == list(range(length))
    else:
        assert len(found) == 1
        # Some rows are shorter than a k-mer: no token stands for a base of theirs.
        tokens_there = (found[0].tokens.spans[:, 1] > found[0].tokens.spans[:, 0]).any()
        assert bases_read(one, [sequence], Reading(long=long))[0] == (len(own) if tokens_there else 0)


@pytest.mark.parametrize("family", ["caduceus", "dnabert", "hyenadna"])
def test_windows_that_overlap_are_read_one_by_one_and_weigh_what_they_are_long(family: str) -> None:
    one, (sequence,) = replace(reader(family), context_bases=8), rows(21, unknown=0)
    overlapping = Reading(long="windows-overlapping")
    alone = [embed(one, [sequence[start:end]], Reading())[0] for start, end, *_ in WINDOWS_OF_21]
    weights = [end - start for start, end, *_ in WINDOWS_OF_21]
    close(embed(one, [sequence], overlapping)[0], np.average(alone, axis=0, weights=weights))
    inside = [
        embed_bases(one, [sequence[start:end]], Reading())[0][first - start : last - start]
        for start, end, first, last in WINDOWS_OF_21
    ]
    close(embed_bases(one, [sequence], overlapping)[0], np.concatenate(inside))
    assert bases_read(one, [sequence], overlapping)[0] == 21


@pytest.mark.parametrize("long", ["windows", "windows-overlapping"])
def test_both_strands_of_a_row_in_windows_are_read_from_end_to_end(long: Any) -> None:
    one, (row,) = replace(reader("caduceus"), context_bases=8), rows(21, unknown=0)
    there, back = (embed(one, [side], Reading(long=long)) for side in (row, reverse_complement(row)))
    close(embed(one, [row], Reading(long=long, strands="averaged")), (there + back) / 2)


def test_a_row_is_cut_at_the_bases_that_are_asked_for_and_not_where_it_just_fits() -> None:
    (row,) = rows(21)
    close(
        embed(reader("caduceus"), [row], Reading(max_bases=8, long="crop-left")),
        embed(reader("caduceus"), [row[:8]], Reading()),
    )
    for limits in ({"context_tokens": 21}, {"context_bases": 21}):
        (piece,) = pieces(replace(reader("dnabert"), **limits), [row], Reading(long="refuse"))
        assert (piece.start, piece.end) == (0, 21)


def test_windows_overlap_by_half_and_each_base_is_read_where_it_is_inner() -> None:
    one = replace(reader("caduceus"), context_bases=8)
    found = pieces(one, rows(20), Reading(long="windows-overlapping"))
    assert [(piece.start, piece.end) for piece in found] == [(0, 8), (4, 12), (8, 16), (12, 20)]
    assert [(piece.first, piece.last) for piece in found] == [(0, 6), (6, 10), (10, 14), (14, 20)]


def test_states_of_sixteen_bits_are_averaged_in_float32() -> None:
    states, there = torch.ones(1, 300, 2).bfloat16(), torch.ones(1, 300).bool()
    states[0, 0] = 1.5
    assert pool(states, there, there, "mean")[0].tolist() == pytest.approx([1 + 0.5 / 300] * 2, rel=1e-6)


def test_a_network_that_was_left_in_training_reads_without_dropout() -> None:
    one, other = reader("dnabert"), reader("dnabert")
    other.network.train()
    np.testing.assert_array_equal(embed(one, rows(30), Reading()), embed(other, rows(30), Reading()))


def test_a_row_shorter_than_a_kmer_is_read_from_its_special_tokens() -> None:
    one = reader("dnabert")
    short, _ = embed(one, ["AC", "ACGTACGTAC"], Reading())
    ids = torch.from_numpy(one.tokenizer.encode("AC").ids)[None]
    with torch.no_grad():
        states = one.network(ids, torch.ones_like(ids)).last_hidden_state[0]
    np.testing.assert_allclose(short, states.mean(0).numpy(), atol=1e-5)


def test_overlapping_kmers_and_uncovered_bases_have_a_vector() -> None:
    states = np.array([[0.0], [4.0], [6.0], [9.0], [7.0]])
    spans = np.array([[0, 0], [0, 3], [1, 4], [6, 7], [0, 0]])
    assert per_base(states, spans, 9).ravel().tolist() == [4, 5, 5, 6, 9, 9, 9, 9, 9]
    assert per_base(states[[0, 4]], spans[[0, 4]], 2).ravel().tolist() == [3.5, 3.5]


def test_two_devices_and_small_blocks_give_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = rows(*range(10, 60, 4), *[30] * 12)
    for family in FAMILIES:
        wanted = embed(reader(family), lines, Reading())
        close(embed(reader(family), lines, Reading(device="cpu,cpu", tokens_per_batch=200)), wanted)
        with monkeypatch.context() as patch:
            patch.setattr(windows, "_BLOCK_BASES", 300)
            close(embed(reader(family), lines, Reading()), wanted)
            assert bases_read(reader(family), lines, Reading()).tolist() == list(map(len, lines))


class Noted(nn.Module):
    """Says the ids; notes the sizes of its batches; has no memory for more than 300 tokens at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, ids: Any, mask: Any) -> Any:
        self.sizes.append(tuple(ids.shape))
        if ids.numel() > 300:
            raise torch.cuda.OutOfMemoryError
        return SimpleNamespace(last_hidden_state=(ids * mask)[..., None] * self.weight, hidden_states=())


def noted(**facts: Any) -> Reader:
    return replace(reader("hyenadna"), network=Noted(), attends=True, objective="masked", **facts)


def test_a_full_memory_makes_batches_smaller_and_loses_nothing() -> None:
    one, lines = noted(), rows(*[40] * 30)
    found = embed(one, lines, Reading(tokens_per_batch=2000))
    ids = [one.tokenizer.encode(s).ids[:-1].mean() for s in lines]
    close(found[:, 0], ids)
    sizes = one.network.sizes
    assert [a * b for a, b in sizes if a * b > 300] == [1230, 615], "30 rows of 41 tokens, then 15"
    with pytest.raises(Unavailable, match="a single row of 361 tokens does not fit"):
        embed(noted(context_tokens=None), rows(360), Reading())


def test_an_error_on_one_of_two_devices_ends_the_reading() -> None:
    class Broken(Noted):
        def forward(self, ids: Any, mask: Any) -> Any:
            raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        embed(replace(noted(), network=Broken()), rows(*[30] * 50), Reading(device="cpu,cpu", tokens_per_batch=60))


def test_rows_that_cannot_be_padded_go_with_rows_of_their_length() -> None:
    one = replace(noted(), attends=False)
    one.network.forward = lambda ids: Noted.forward(one.network, ids, torch.ones_like(ids))  # type: ignore[method-assign]
    embed(one, rows(9, 30, 9, 12, 30), Reading())
    assert one.network.sizes == [(2, 31), (1, 13), (2, 10)]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_sixteen_bits_stay_near_float32_and_come_out_as_float32(family: str, dtype: Any) -> None:
    wanted = embed(reader(family), MIXED[:4], Reading())
    found = embed(reader(family), MIXED[:4], Reading(dtype=dtype))
    assert found.dtype == np.float32
    apart = np.abs(found - wanted).max() / np.abs(wanted).max()
    assert 0 < apart < 0.1, "another arithmetic, the same function"
    assert {p.dtype for p in reader(family).network.parameters()} == {torch.float32}


def test_nothing_global_stays_changed_and_no_gradient_is_kept() -> None:
    before = (torch.backends.cudnn.allow_tf32, torch.get_num_threads(), torch.is_grad_enabled())
    embed(reader("dnabert"), MIXED[:2], Reading(dtype="bfloat16"))
    assert (torch.backends.cudnn.allow_tf32, torch.get_num_threads(), torch.is_grad_enabled()) == before
    assert all(p.requires_grad and p.grad is None for p in reader("dnabert").network.parameters())


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"pooling": "sum"}, "pooling is 'sum'; it must be one of mean, cls, last, max"),
        ({"dtype": "float8"}, "dtype is 'float8'"),
        ({"long": "truncate"}, "crop, crop-left, windows, windows-overlapping, refuse"),
        ({"max_bases": 0}, "max_bases is 0; it must be at least 1"),
        ({"tokens_per_batch": -1}, "tokens_per_batch is -1"),
    ],
)
def test_a_wrong_choice_is_one_sentence(choices: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Reading(**choices)


def test_nothing_to_read_and_rows_without_tokens() -> None:
    one = reader("convnova")
    assert embed(one, [], Reading()).shape == (0, 0)
    assert embed_bases(one, [], Reading()) == []
    assert bases_read(one, [], Reading()).tolist() == []
    with pytest.raises(AdapterError, match="row 1 has no tokens"):
        embed(one, ["ACGT", ""], Reading())
    for long in ("crop", "crop-left", "windows"):
        with pytest.raises(AdapterError, match="no room for a single base"):
            embed(replace(reader("dnabert"), context_tokens=2), ["ACGTACGT"], Reading(long=long))  # type: ignore[arg-type]


def test_an_empty_row_beside_one_in_windows_has_its_own_vector() -> None:
    one, reading = reader("dnabert"), Reading(long="windows", max_bases=20)
    together = embed(one, ["", rows(50)[0]], reading)
    np.testing.assert_allclose(together[:1], embed(one, [""], reading), atol=1e-5)


def test_what_is_left_of_a_row_is_read_even_where_it_is_shorter_than_a_kmer() -> None:
    one = replace(reader("dnabert"), context_bases=20)
    (sequence,) = rows(41, unknown=0)
    found = pieces(one, [sequence], Reading(long="windows"))
    assert [(piece.start, piece.end) for piece in found] == [(0, 20), (20, 40), (21, 41)]


@pytest.mark.slow
def test_a_compiled_network_says_the_same() -> None:
    import shutil

    if not shutil.which("g++"):
        pytest.skip("torch.compile needs a C++ compiler here")
    wanted = embed(reader("dnabert"), MIXED[:5], Reading())
    close(embed(reader("dnabert"), MIXED[:5], Reading(compile=True)), wanted)


def test_devices_are_named_and_a_missing_one_is_said() -> None:
    assert passes.devices_of("cpu, cpu") == [torch.device("cpu")] * 2
    assert len(passes.devices_of("all")) >= 1
    if not torch.cuda.is_available():
        with pytest.raises(Unavailable, match="device cuda"):
            embed(reader("convnova"), ["ACGT"], Reading(device="cuda"))
