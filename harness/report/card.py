"""A model's scores as a section of its model card, with the `model-index` that the hub reads.

The metadata are huggingface_hub's own classes; what a card says already is kept, our section and our results are
replaced. The picture beside the card shows every score with its interval.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, RequestError
from ..types import RunRecord, Score
from .cells import cell, metric_title
from .charts import Bar, forest
from .page import fact_text
from .render import Table, render
from .repeat import known_task, repeat_lines
from .tables import value_text

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCard

BEGIN, END = "<!-- dnabench: begin -->", "<!-- dnabench: end -->"
PICTURE = "dnabench-scores.svg"
HARNESS = "dnabench"
DIGITS = 6
HUB_NAMES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "mcc": ("matthews_correlation", {}),
    "f1_macro": ("f1", {"average": "macro"}),
    "f1_binary": ("f1", {"average": "binary"}),
    "auroc": ("roc_auc", {}),
    "auprc": ("average_precision", {}),
    "spearman": ("spearmanr", {}),
    "pearson": ("pearsonr", {}),
    "r2": ("r_squared", {}),
}
"""Names under which the hub knows a metric; the others have the same name there."""
TASK_TYPES = {"class": "sequence-classification", "multilabel": "multi-label-classification", "value": "regression"}


@dataclass(frozen=True)
class Card:
    """The text of a README.md, and the picture beside it."""

    text: str
    picture: str


def model_card(records: Sequence[RunRecord], present: str = "") -> Card:
    """A card with the scores of one model's records, or `present`, a card's text, with them put in.

    Raises RequestError where there is no full record, DataError where `present` is no card that can be read.
    """
    usable = [record for record in records if record.status == "ok" and record.scores]
    if not usable:
        raise RequestError("a card needs at least one full record with scores: `dnabench list runs` prints them.")
    names = sorted({f"{r.model['name']}@{r.model.get('id', '')}" for r in usable})
    if len(names) > 1:
        raise RequestError(f"these are {len(names)} models: name one of {', '.join(names)}.")
    model = str(usable[0].model["name"])
    card = _loaded(present) if present else _empty(model)
    _put_results(card, [result for record in usable for result in _results(record)], model)
    card.text = _with_section(card.text, _section(usable))
    return Card(str(card).rstrip("\n") + "\n", _picture(usable))


def read_present(path: Path) -> str:
    """The text of a card that is there already; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"{path} cannot be read as a card ({problem}).") from problem


def _loaded(text: str) -> ModelCard:
    """Whatever the hub's own reader makes of a card; its errors in one sentence."""
    import yaml
    from huggingface_hub import ModelCard

    try:
        return ModelCard(text, ignore_metadata_errors=False)
    except (ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as problem:
        said = " ".join(str(problem).split())[:200]
        raise DataError(
            f"the card that is there has metadata that cannot be read ({said}): mend or remove it."
        ) from None


def _empty(model: str) -> ModelCard:
    from huggingface_hub import ModelCard, ModelCardData

    data = ModelCardData(model_name=model.rpartition("/")[2], tags=["biology", "dna", HARNESS])
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n# {_plain(model)}\n")


def _put_results(card: ModelCard, ours: Sequence[EvalResult], model: str) -> None:
    """Our results in place of earlier ones of ours; everybody else's stay."""
    data: Any = card.data
    others = [one for one in data.eval_results or [] if (one.metric_args or {}).get("harness") != HARNESS]
    data.eval_results = [*others, *ours]
    data.model_name = data.model_name or model.rpartition("/")[2]


def _results(record: RunRecord) -> list[EvalResult]:
    return [_result(record, name, score) for name, score in record.scores.items() if score.value is not None]


def _result(record: RunRecord, name: str, score: Score) -> EvalResult:
    from huggingface_hub import EvalResult

    assert score.value is not None, "scores without a value are no results"
    shown, task = cell(record), known_task(str(record.task["name"]))
    hub, how = HUB_NAMES.get(name, (name, {}))
    source = task.source if task else None
    test = record.task.get("splits", {}).get("test", {})
    return EvalResult(
        task_type=TASK_TYPES[record.task["target"]["kind"]],
        task_name=str(record.task.get("title") or shown.task),
        dataset_type=(source.hub_repo if source and source.hub_repo else shown.task.partition("/")[0]),
        dataset_name=shown.task,
        dataset_config=shown.task.partition("/")[2],
        dataset_split="test",
        dataset_revision=source.hub_revision if source else None,
        dataset_args={"fingerprint": str(record.key["data"]["test"]), "rows": test.get("rows", shown.rows)},
        metric_type=hub,
        metric_name=f"{metric_title(name)}, {shown.protocol}",
        metric_value=round(score.value, DIGITS),
        metric_args={
            **how,
            "harness": HARNESS,
            "version": str(record.provenance.get("dnabench") or ""),
            "protocol": f"{shown.protocol}.{shown.recipe}@{shown.config7}",
            "seeds": len(record.replicates),
            "interval_95": None if score.low is None or score.high is None else [_short(score.low), _short(score.high)],
        },
    )


def _short(value: float) -> float:
    return round(value, DIGITS)


def _with_section(text: str, section: str) -> str:
    """The text with our section replaced, or put at its end."""
    whole = f"{BEGIN}\n{section}\n{END}"
    if BEGIN in text and END in text:
        before, _, rest = text.partition(BEGIN)
        return before + whole + rest.partition(END)[2]
    return f"{text.rstrip()}\n\n{whole}\n"


def _section(records: Sequence[RunRecord]) -> str:
    first = records[0]
    version, commit = first.provenance.get("dnabench"), str(first.provenance.get("commit") or "")[:12]
    claims = [_plain(text) for text in dict.fromkeys(map(_claimed, records)) if text]
    options = _plain(fact_text(first.model.get("options") or None))
    lines = [
        "## DNA benchmarks",
        "",
        f"Measured with dnabench {version or ''}{f' (commit {commit})' if commit else ''}, weights "
        f"`{_plain(str(first.model.get('weights', '')))}`; options: {options}.",
        *claims,
        "",
        render(_table(records), "md").rstrip("\n"),
        "",
        f"![Scores with their 95% intervals]({PICTURE})",
    ]
    commands = [_plain(text) for text in repeat_lines(records)]
    if commands:
        lines += ["", "To repeat:", "", *(f"    {text}" for text in commands)]
    return "\n".join(lines)


def _table(records: Sequence[RunRecord]) -> Table:
    head = ("task", "metric", "score [95% interval]", "protocol", "seeds", "test rows", "in train", "test rows, sha256")
    rows = []
    for record in records:
        shown = cell(record)
        how = f"{shown.protocol}.{shown.recipe}"
        facts = (how, str(shown.replicates), f"{shown.rows:,}", f"{shown.duplicates:,}")
        score = (metric_title(shown.metric), value_text(shown.score))
        rows.append((shown.task, *score, *facts, str(record.key["data"]["test"])[:12]))
    notes = (
        "in train: test rows whose sequence, on either strand, is also in train; intervals: over test rows"
        + (" and seeds" if any(len(r.replicates) > 1 for r in records) else ""),
    )
    return Table("", head, tuple(rows), notes)


def _claimed(record: RunRecord) -> str:
    """What a submission says of itself, marked as such."""
    facts = record.provenance.get("submitted")
    if not isinstance(facts, Mapping):
        return ""
    claimed = fact_text(facts.get("claimed", {}))
    return f"Predictions of {record.task['name']} were submitted, not made here; claimed, not checked: {claimed}."


def _picture(records: Sequence[RunRecord]) -> str:
    several = len({cell(r).protocol for r in records}) > 1
    bars = []
    for record in records:
        shown = cell(record)
        if shown.score is not None:
            label = f"{shown.task} ({shown.protocol})" if several else shown.task
            bars.append(Bar(label, shown.score.value, shown.score.low, shown.score.high))
    metrics = dict.fromkeys(metric_title(cell(r).metric) for r in records)
    return forest(bars, "Scores with their 95% intervals", ", ".join(metrics)) + "\n"


def _plain(text: str) -> str:
    """Words that Markdown and HTML print as they are: a record may hold anything.

    >>> _plain("a <b>\\n# c `d`")
    "a &lt;b&gt; # c 'd'"
    """
    shown = re.sub(r"\s+", " ", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return shown.replace("`", "'")
