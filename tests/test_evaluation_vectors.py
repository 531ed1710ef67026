"""What the benchmarks' own evaluation code computed (DART-Eval, BEND, TraitGym, GENA-LM, Selene, DNABERT-2), by ours.

The vectors are the eval-* folders under DNABENCH_CONFORMANCE; the models that they were computed with lie beside them.
"""

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cosine

from dnabench.harness.metrics import auprc, auroc, evaluate
from dnabench.harness.types import Target

ROOT = os.environ.get("DNABENCH_CONFORMANCE")
TWO = Target("class", ("0", "1"))
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="needs torch: pip install 'dnabench[torch]'")


def vectors(folder: str) -> Any:
    """The cases of an evaluation's folder, or a skip with the reason."""
    if not ROOT or not Path(ROOT, folder, "cases.json").is_file():
        pytest.skip(f"set DNABENCH_CONFORMANCE to a folder that holds {folder}")
    return json.loads(Path(ROOT, folder, "cases.json").read_text(encoding="utf-8"))


def reader_of(folder: str) -> Any:
    """The reader of a language model's folder, as it stands in another one's vectors."""
    from safetensors.torch import load_file

    from dnabench.adapters import tokenizers
    from dnabench.adapters.ports.registry import build
    from dnabench.adapters.vocabulary import texts
    from dnabench.harness.engine.reading import Reader

    path = Path(str(ROOT), folder)
    if not (path / "weights.safetensors").is_file():
        pytest.skip(f"DNABENCH_CONFORMANCE holds no {folder}")
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    network = build(config, load_file(path / "weights.safetensors"))
    if folder.startswith("nt-"):
        k = next(k for k in range(1, 8) if len(tokenizers.nt_vocabulary("v2", k)) == config["vocab_size"])
        tokenizer: Any = tokenizers.Blocks(tokenizers.nt_vocabulary("v2", k))
        return Reader(network, tokenizer, attends=True, objective="masked", text=texts(tokenizer))
    tokenizer = {"hyenadna": tokenizers.HYENADNA, "gpn-convnet": tokenizers.GPN}.get(folder, tokenizers.CADUCEUS)
    objective: Any = "causal" if folder == "hyenadna" else "masked"
    return Reader(network, tokenizer, attends=False, objective=objective, text=texts(tokenizer))


@needs_torch
@pytest.mark.parametrize("model", ["hyenadna", "caduceus-ph", "caduceus-ps", "nt-v2"])
def test_likelihoods_of_elements_and_controls_are_those_of_dart_eval(model: str) -> None:
    from dnabench.harness.engine.reading import Reading, log_likelihood

    cases, reader = vectors("eval-dart-paired"), reader_of(model)
    wanted, reading = cases["models"][model], Reading(likelihood="tokens")
    found = {}
    for name, score in (("sequences", "seq_score"), ("controls", "ctrl_score")):
        found[name] = log_likelihood(reader, [s.replace("N", "A") for s in cases[name]], reading)
        np.testing.assert_allclose(found[name], wanted[score], atol=1e-3, rtol=0)
    assert (found["sequences"] > found["controls"]).mean() == wanted["metrics"]["acc"]


@needs_torch
def test_distances_of_variants_are_those_of_bend() -> None:
    """Masked: a window around the variant. Causal: what stands before it, and the variant last."""
    from dnabench.harness.engine.reading import Reading, embed_bases

    cases = vectors("eval-bend-vep")
    side, contig = cases["extra_context"], cases["contig"]
    gpn = reader_of("gpn-convnet")
    for name, at in (("gpn_center", side), ("gpn_default_index_0", 0), ("gpn_center_plus_1", side + 1)):
        windows = [alleles(contig, one, side, side) for one in cases["variants"]]
        ours = [cosine(*(rows[at] for rows in embed_bases(gpn, pair, Reading()))) for pair in windows]
        np.testing.assert_allclose(ours, cases["distances"][name], atol=1e-5)
        labels = np.array([one["label"] for one in cases["variants"]]) == 1
        assert auroc(labels, np.array(ours)) == pytest.approx(cases["auroc"][name], abs=1e-9)


def alleles(contig: str, variant: Any, before: int, behind: int) -> list[str]:
    """The reference and the alternative window."""
    start = variant["start"]
    left, right = contig[start - before : start], contig[start + 1 : start + 1 + behind]
    return [left + variant["ref"] + right, left + variant["alt"] + right]


@needs_torch
def test_a_causal_distance_is_none_before_the_variant_and_bends_at_it() -> None:
    """BEND reads HyenaDNA with a [CLS] in front, which its checkpoints never saw; the tokenizer here adds it alike."""
    from dnabench.harness.engine.passes import Job, run
    from dnabench.harness.engine.reading import Reading

    cases, reader = vectors("eval-bend-vep"), reader_of("hyenadna")
    side = cases["extra_context"]
    windows = [one for v in cases["variants"] for one in alleles(cases["contig"], v, side, 0)]
    ids = [np.concatenate([[0], reader.tokenizer.encode(window).ids]) for window in windows]
    lengths = np.array([len(one) for one in ids])
    parts = run(reader, Reading(), Job(lengths, lambda i: ids[i], lambda output, batch: output.last_hidden_state))
    states = {int(row): line for rows, lines in parts for row, line in zip(rows, lines, strict=True)}
    for name, at in (
        ("hyena_left_context_index_of_variant", side + 1),
        ("hyena_left_context_index_before_variant", side),
    ):
        ours = [cosine(states[i][at], states[i + 1][at]) for i in range(0, len(windows), 2)]
        np.testing.assert_allclose(ours, cases["distances"][name], atol=1e-5)


def test_label_metrics_are_those_of_dnabert_2() -> None:
    """Accuracy, macro F1 and MCC; its macro precision and recall are not among ours."""
    for case in vectors("eval-gue-metrics")["cases"]:
        labels, said = np.array(case["labels"]), np.array(case["predictions"])
        labels, said = labels[labels != -100], said[labels != -100]
        target = Target("class", tuple(map(str, range(1 + max(labels.max(), said.max(), 1)))))
        outputs = np.eye(len(target.classes))[said]
        for name, theirs in (("accuracy", "accuracy"), ("f1_macro", "f1"), ("mcc", "matthews_correlation")):
            ours = evaluate(name, labels, outputs, "label", target).value
            assert ours == pytest.approx(case["expected"][theirs], abs=1e-9), case["name"]


def test_correlations_are_scipys_where_dart_evals_depend_on_the_order_of_ties() -> None:
    for case in vectors("eval-spearman")["cases"]:
        truth, said = np.log1p(np.array(case["counts"])), np.array(case["log_preds"])
        for ours, theirs in (("spearman", "scipy_spearman"), ("pearson", "scipy_pearson_log1p")):
            value = evaluate(ours, truth, said[:, None], "value", Target("value")).value
            wanted = case["expected"][theirs]
            assert (value is None) == (wanted is None), case["name"]
            assert value is None or value == pytest.approx(wanted, abs=1e-6), case["name"]


def test_aurocs_of_labels_are_those_of_gena_lm_and_selene_where_they_are_defined() -> None:
    cases = vectors("eval-deepsea-auroc")
    truth, said = np.array(cases["labels"]), np.array(cases["predictions"])
    ours = np.array([auroc(y == 1, p) for y, p in zip(truth.T, said.T, strict=True)])
    expected = cases["expected"]
    undefined = np.flatnonzero(np.isnan(ours)).tolist()
    assert undefined == expected["gena_fallback_labels"], "GENA-LM counts these as 0.5, we leave them out"
    np.testing.assert_allclose(np.where(np.isnan(ours), 0.5, ours), expected["gena_auc_per_label"], atol=1e-6)
    for group, columns in cases["groups"].items():
        medians = np.median(np.where(np.isnan(ours), 0.5, ours)[columns])
        assert medians == pytest.approx(expected["gena_median"][group], abs=1e-6)
    for name, formula in (("auroc", auroc), ("auprc", auprc)):
        scored = expected[f"selene_{name}_per_label"]
        for label, wanted in enumerate(scored):
            # Selene scores labels with more than 10 positive rows only; its AUPRC is the step sum, as ours.
            if wanted is not None and 10 < truth[:, label].sum() < len(truth):
                assert formula(truth[:, label] == 1, said[:, label]) == pytest.approx(wanted, abs=1e-6)


def test_scores_by_chromosome_are_those_of_traitgym() -> None:
    cases = vectors("eval-traitgym")
    chromosome = np.array(cases["table"]["chrom"])
    label, score = np.array(cases["table"]["label"]), np.array(cases["table"]["score"])
    for name, formula in (("AUPRC", auprc), ("AUROC", auroc)):
        expected = cases["expected"][name]
        assert formula(label, score) == pytest.approx(expected["whole_set"], abs=1e-9)
        values, weights = [], []
        for one in expected["by_chrom"]:
            here = chromosome == one["chrom"]
            values.append(formula(label[here], score[here]))
            weights.append(here.sum())
            assert (weights[-1], values[-1]) == (one["n"], pytest.approx(one["value"], abs=1e-9))
        assert np.average(values, weights=weights) == pytest.approx(expected["weighted_average"], abs=1e-9)
