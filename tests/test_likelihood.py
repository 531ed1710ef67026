"""Likelihoods against loops over plain forward passes, token by token."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

if find_spec("torch") is None:
    pytest.skip("needs torch: pip install 'dnabench[torch]'", allow_module_level=True)

import torch
from small_readers import LIKELY, WINDOWS_OF_21, codes, generator, reader, rows

from dnabench.harness.engine.reading import (
    Reader,
    Reading,
    base_log_probs,
    convention,
    log_likelihood,
    mean_log_likelihood,
)
from dnabench.harness.errors import RequestError
from dnabench.harness.sequence import reverse_complement

MASKED = tuple(name for name in LIKELY if name != "hyenadna")
ROWS = rows(24, 17, 31, 24, 8)


def softmax(one: Reader, ids: Any) -> Any:
    """Probabilities (tokens, vocabulary) of a row of ids, float64."""
    with torch.no_grad():
        logits = one.network(torch.from_numpy(np.asarray(ids))[None]).logits[0].double()
    return torch.softmax(logits, -1).numpy()


def by_hand(one: Reader, sequence: str, hidden: Sequence[int] | None, wanted: Sequence[int]) -> Any:
    """Probabilities of A, C, G, T at the wanted bases, with all tokens over the `hidden` bases masked."""
    tokens = one.tokenizer.encode(sequence)
    covers = [set(range(a, b)) for a, b in tokens.spans]
    ids = tokens.ids.copy()
    masked = [j for j, c in enumerate(covers) if hidden is not None and c & set(hidden)]
    ids[masked] = one.tokenizer.mask
    probs = softmax(one, ids)
    if one.objective == "causal":
        probs = np.vstack([np.full((1, probs.shape[1]), np.nan), probs[:-1]])
    found = np.full((len(wanted), 4), np.nan)
    for line, base in zip(found, wanted, strict=True):
        parts = []
        for j, cover in enumerate(covers):
            if base not in cover:
                continue
            at = base - tokens.spans[j, 0]
            sums = np.array([sum(probs[j, t] for t, s in one.text.items() if s[at : at + 1] == b) for b in "ACGT"])
            parts.append(sums / sums.sum())
        if parts:
            line[:] = np.mean(parts, axis=0)
    return found


def near(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(np.exp(found), wanted, atol=2e-5)


@pytest.mark.parametrize("family", MASKED)
def test_exact_likelihoods_hide_each_place_by_itself(family: str) -> None:
    for sequence in ROWS[1:2]:
        (found,) = base_log_probs(reader(family), [sequence], None, "one", Reading())
        tokens = reader(family).tokenizer.encode(sequence)
        for base in range(len(sequence)):
            # Tokens that do not overlap hide whole: the bases beside this one in the token are hidden with it.
            near(found[base], by_hand(reader(family), sequence, [base], [base])[0])
        assert len(tokens.ids) >= 5


@pytest.mark.parametrize("family", LIKELY)
def test_one_pass_hides_nothing_and_a_causal_model_is_shifted(family: str) -> None:
    reading = Reading(likelihood="one-pass")
    found = base_log_probs(reader(family), ROWS, None, None, reading)
    for sequence, logs in zip(ROWS, found, strict=True):
        near(logs, by_hand(reader(family), sequence, None, range(len(sequence))))
    if family == "hyenadna":
        assert all(np.isnan(logs[0]).all() and np.isfinite(logs[1:]).all() for logs in found)


@pytest.mark.parametrize("family", MASKED)
def test_joint_masks_hide_all_positions_at_once(family: str) -> None:
    positions = [[3, 4, 11], [0], [], [23, 2], [1, 2]]
    found = base_log_probs(reader(family), ROWS, positions, "joint", Reading())
    assert [logs.shape for logs in found] == [(len(p), 4) for p in positions]
    for sequence, at, logs in zip(ROWS, positions, found, strict=True):
        near(logs, by_hand(reader(family), sequence, at, at))


@pytest.mark.parametrize("family", LIKELY)
@pytest.mark.parametrize("strands", ["one", "averaged"])
def test_probabilities_sum_to_one_and_batches_do_not_matter(family: str, strands: Any) -> None:
    reading = Reading(strands=strands, long="windows", tokens_per_batch=150)
    found = base_log_probs(reader(family), ROWS, None, None, reading)
    for sequence, logs in zip(ROWS, found, strict=True):
        known = logs[~np.isnan(logs).any(1)]
        assert len(known) >= len(sequence) - 1
        np.testing.assert_allclose(np.exp(known.astype(np.float64)).sum(1), 1, atol=1e-6)
        np.testing.assert_allclose(logs, base_log_probs(reader(family), [sequence], None, None, reading)[0], atol=1e-4)


@pytest.mark.parametrize("family", LIKELY)
def test_a_log_likelihood_is_the_sum_over_known_bases(family: str) -> None:
    silent = "N" * 12
    for likelihood in ("exact", "one-pass"):
        reading = Reading(likelihood=likelihood)  # type: ignore[arg-type]
        logs = base_log_probs(reader(family), ROWS, None, None, reading)
        found = log_likelihood(reader(family), ROWS, reading)
        *means, none = mean_log_likelihood(reader(family), [*ROWS, silent], reading)
        assert found.dtype == np.float64
        assert np.isnan(none), "no base adds to it"
        for sequence, table, value, mean in zip(ROWS, logs, found, means, strict=True):
            true = codes(sequence)
            known = np.flatnonzero((true < 4) & ~np.isnan(table).any(1))
            assert value == pytest.approx(float(table[known, true[known]].sum()), abs=1e-4)
            assert mean == pytest.approx(value / len(known), abs=1e-4, nan_ok=True)


def test_positions_go_with_their_rows_whatever_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    positions = [[i, i + 3] for i in range(len(ROWS))]
    whole = base_log_probs(reader("caduceus"), ROWS, positions, "one", Reading())
    monkeypatch.setattr("dnabench.harness.engine.windows._BLOCK_BASES", 1)
    for a, b in zip(whole, base_log_probs(reader("caduceus"), ROWS, positions, "one", Reading()), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("family", ["caduceus", "dnabert", "hyenadna"])
def test_a_base_of_a_long_row_is_read_in_the_window_in_whose_middle_it_stands(family: str) -> None:
    one, (sequence,) = replace(reader(family), context_bases=8), rows(21, unknown=0)
    expected = np.full((21, 4), np.nan)
    for start, end, first, last in WINDOWS_OF_21:
        for i in range(first, last):
            hidden = None if one.objective == "causal" else [i - start]
            expected[i] = by_hand(one, sequence[start:end], hidden, [i - start])[0]
    reading = Reading(long="windows-overlapping")
    (found,) = base_log_probs(one, [sequence], None, None, reading)
    near(found, expected)
    (some,) = base_log_probs(one, [sequence], [[20, 2, 15, 7]], None, reading)
    near(some, expected[[20, 2, 15, 7]])


def test_tokens_in_two_windows_count_once() -> None:
    class Flat(torch.nn.Module):
        """All twelve tokens are equally likely."""

        def forward(self, ids: Any) -> Any:
            return SimpleNamespace(logits=torch.zeros(*ids.shape, 12))

    one = replace(reader("caduceus"), network=Flat(), context_bases=8)
    reading = Reading(likelihood="tokens", long="windows-overlapping")
    assert log_likelihood(one, ["ACGTA" * 4], reading) == pytest.approx(-20 * np.log(12), abs=1e-4)
    assert mean_log_likelihood(one, ["ACGTA" * 4], reading) == pytest.approx(-np.log(12), abs=1e-5)


@pytest.mark.parametrize("family", LIKELY)
def test_strands_average_as_logs_and_come_back_in_place(family: str) -> None:
    both, one = Reading(strands="averaged"), Reading()
    others = [reverse_complement(s) for s in ROWS]
    sums = (log_likelihood(reader(family), ROWS, one) + log_likelihood(reader(family), others, one)) / 2
    np.testing.assert_allclose(log_likelihood(reader(family), ROWS, both), sums, atol=1e-4)
    logs = base_log_probs(reader(family), ROWS, None, None, both)
    back = base_log_probs(reader(family), others, None, None, both)
    for forward, backward in zip(logs, back, strict=True):
        np.testing.assert_allclose(forward, backward[::-1, ::-1], atol=1e-4)
    # A difference between two bases is the mean of the two strands' differences, as TraitGym averages variants.
    plain = base_log_probs(reader(family), ROWS[:1], [[5]], None, one)[0][0]
    other = base_log_probs(reader(family), others[:1], [[18]], None, one)[0][0][::-1]
    wanted = ((plain[2] - plain[0]) + (other[2] - other[0])) / 2
    asked = base_log_probs(reader(family), ROWS[:1], [[5]], None, both)[0][0]
    assert asked[2] - asked[0] == pytest.approx(wanted, abs=1e-4)


def test_positions_may_repeat_and_stand_in_any_order() -> None:
    one = reader("caduceus")
    (logs,) = base_log_probs(one, ROWS[:1], None, None, Reading())
    (found,) = base_log_probs(one, ROWS[:1], [[7, 3, 7]], None, Reading())
    np.testing.assert_allclose(found, logs[[7, 3, 7]], atol=1e-6)


def test_an_edge_of_kmers_keeps_its_opinion_beside_rows_that_ask_for_the_middle() -> None:
    # A first base lies in one k-mer alone, a middle one in three: both kinds of question go through one batch.
    one, asked = reader("dnabert"), [[0], [9], [0, 6], [0, 1, 2]]
    sequences = ["ACGTTGCAAC", "GATTACAGGC", "TTGACAG", "ACG"]
    together = base_log_probs(one, sequences, asked, "one", Reading())
    whole = base_log_probs(one, sequences, None, "one", Reading())
    for sequence, places, found, every in zip(sequences, asked, together, whole, strict=True):
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, every[places], atol=1e-5)
        near(found, np.concatenate([by_hand(one, sequence, [base], [base]) for base in places]))


def test_what_is_not_read_has_no_likelihood() -> None:
    one = replace(reader("caduceus"), context_bases=10)
    (logs,) = base_log_probs(one, ROWS[:1], None, None, Reading(long="crop-left"))
    assert np.isnan(logs[10:]).all()
    assert np.isfinite(logs[:10]).all()


def test_a_causal_model_of_kmers_is_read_from_the_token_before() -> None:
    """GENERator's <s> stands before the first 6-mer; what is left of a row in front of its frame has no token."""
    one, sequence = generator(2), "CGTCC"
    (found,) = base_log_probs(one, [sequence], None, None, Reading())
    probs = softmax(one, one.tokenizer.encode(sequence).ids)
    assert np.isnan(found[0]).all()
    for base, (token, letter) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)], start=1):
        sums = np.array([sum(probs[token, t] for t, s in one.text.items() if s[letter] == b) for b in "ACGT"])
        near(found[base], sums / sums.sum())


@pytest.mark.parametrize(
    ("family", "arguments", "reading", "message"),
    [
        ("caduceus", (None, None), Reading(likelihood="causal"), "needs a causal model"),
        ("caduceus", (None, "all"), Reading(), "must be one, joint or none"),
        ("caduceus", ([[24]], None), Reading(), "row 0 has 24 bases; positions go from 24 to 24"),
        ("caduceus", ([[1], [2]], None), Reading(), "positions for 2 rows and 1 sequences"),
        ("hyenadna", (None, "joint"), Reading(), "nothing to mask"),
    ],
)
def test_a_question_that_has_no_answer_is_one_sentence(
    family: str, arguments: Any, reading: Reading, message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        base_log_probs(reader(family), ROWS[:1], *arguments, reading)
    with pytest.raises(RequestError, match="no language-model head"):
        log_likelihood(replace(reader(family), objective="none"), ROWS[:1], Reading())


def test_the_convention_is_named() -> None:
    said = convention(reader("nucleotide-transformer"), Reading(strands="averaged"))
    assert "marginalised over tokens" in said
    assert "each place masked by itself" in said
    assert "mean of both strands" in said
    assert "what stands before it" in convention(reader("hyenadna"), Reading())
    assert "nothing masked" in convention(reader("caduceus"), Reading(likelihood="one-pass"))
    said = convention(reader("caduceus"), Reading(likelihood="tokens", strands="averaged"))
    assert "whole vocabulary" in said
    assert "mean of both strands" in said
