"""Facts into sentences: what a reader of scores on this task must know, the worst first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["leak", "labels", "shortcut", "note"]
ORDER: tuple[Kind, ...] = ("leak", "labels", "shortcut", "note")
WORTH_SAYING = 0.01
"""Share of rows from which overlaps that chance could make are said."""
CHANCE = 0.5
"""Share of twins with another label up to which nothing says that one class was made of the other."""
GAIN = 0.05
"""Accuracy above the majority class from which a rule on length is said."""


@dataclass(frozen=True)
class Finding:
    """One sentence, and what kind of trouble it is."""

    kind: Kind
    text: str


def findings(found: Mapping[str, Any], compared: str = "train") -> list[Finding]:
    """What `Facts.found` says, in sentences; `compared` names the split that test was compared with.

    >>> facts = {"rows": {"train": 9, "dev": 4, "test": 5}, "duplicates": {"dev_in_train": 2}}
    >>> [finding.text for finding in findings(facts)]
    ['2 of 4 (50.0 %) dev rows stand in train: what is chosen on dev leans on memory']
    """
    made = [
        *_places(found.get("places", {})),
        *_duplicates(found, compared),
        *_words(found.get("words", {}), compared),
        *_twins(found.get("twins", {})),
        *_shuffled(found.get("shuffled", {})),
        *_labels(found),
        *_lengths(found.get("lengths", {})),
        *_strands(found.get("composition", {})),
    ]
    return sorted(made, key=lambda finding: ORDER.index(finding.kind))


def _duplicates(found: Mapping[str, Any], compared: str) -> Iterator[Finding]:
    counts, rows = found.get("duplicates", {}), found.get("rows", {})
    if n := counts.get("test_in_train", 0):
        yield Finding("leak", f"{part(n, rows['test'])} test rows stand in {compared}, on either strand")
    if n := counts.get("dev_in_train", 0):
        lean = "what is chosen on dev leans on memory"
        yield Finding("leak", f"{part(n, rows['dev'])} dev rows stand in train: {lean}")
    if n := counts.get("test_in_dev", 0):
        yield Finding("leak", f"{part(n, rows['test'])} test rows stand in dev")
    if n := found.get("contained", {}).get("test_rows", 0):
        yield Finding("leak", f"{part(n, rows['test'])} test rows stand inside a longer row of {compared}, or hold one")
    for name in ("train", "test"):
        n = counts.get(f"repeats_in_{name}", 0)
        if n and n >= WORTH_SAYING * rows[name]:
            yield Finding(
                "note", f"{part(n, rows[name])} rows of {compared if name == 'train' else name} repeat another"
            )


def _words(words: Mapping[str, Any], compared: str) -> Iterator[Finding]:
    share = words.get("share", 0.0)
    if share < WORTH_SAYING:
        return
    labels = ""
    if "label_agrees" in words:
        labels = f"; train's label there is the row's own in {percent(words['label_agrees'])} of them"
    said = f"{percent(share)} of the test rows ({words['test_rows']:,}) share a word of {words['bases']} bases with"
    yield Finding("leak", f"{said} {compared}, on either strand{labels.replace('train', compared)}")
    if "memory" in words:
        yield Finding("leak", str(words["memory"]).replace("train", compared))


def _twins(twins: Mapping[str, Any]) -> Iterator[Finding]:
    if twins.get("substituted_twins"):
        yield Finding(
            "leak",
            f"the nearest training row has another label for {percent(twins['opposite'])} of the test rows, "
            f"{percent(twins['opposite_by_chance'])} by chance (p = {twins['p']:.1g}): rows of one class are altered "
            "copies of rows of another, and the twins were divided between train and test",
        )


def _shuffled(shuffled: Mapping[str, Any]) -> Iterator[Finding]:
    share, opposite = shuffled.get("share", 0.0), shuffled.get("opposite")
    if share < WORTH_SAYING:
        return
    said = f"{percent(share)} of the test rows have a training row with the same dinucleotide counts"
    if opposite is None or opposite <= CHANCE:
        yield Finding("note", f"{said}: shuffles or repeats")
        return
    why = "one class is shuffled from the other, and the twins were divided between train and test"
    yield Finding("leak", f"{said}, {percent(opposite)} of these with another label: {why}")


def _labels(found: Mapping[str, Any]) -> Iterator[Finding]:
    doubtful = found.get("contradictions", {})
    if n := doubtful.get("sequences", 0):
        yield Finding("labels", f"{n:,} distinct sequences of train carry several labels ({doubtful['rows']:,} rows)")


def _lengths(lengths: Mapping[str, Any]) -> Iterator[Finding]:
    alone, majority = lengths.get("accuracy_of_length"), lengths.get("accuracy_of_majority")
    cuts = {cut["context"]: cut for cut in lengths.get("cut", [])}
    if alone is not None and majority is not None and alone - majority >= GAIN:
        known = (f"{percent(cuts[c]['accuracy_of_length'])} if rows are cut at {c}" for c in (512, 256) if c in cuts)
        then = "".join(f", {words}" for words in known)
        yield Finding("shortcut", f"length alone: {percent(alone)} accuracy, majority {percent(majority)}{then}")
    if lengths.get("shortest") == lengths.get("longest"):
        return
    lossy = [
        cut for cut in cuts.values() if cut["share_of_bases"] >= WORTH_SAYING and cut["context"] in (512, 1000, 1024)
    ]
    for cut in lossy[:1]:
        lost = f"{percent(cut['share_of_rows'])} of the test rows and {percent(cut['share_of_bases'])} of their bases"
        yield Finding("note", f"a context of {cut['context']:,} bases cuts {lost}")


def _strands(composition: Mapping[str, Any]) -> Iterator[Finding]:
    if composition.get("strands_differ"):
        apart = max(composition["at_skew_apart"], composition["gc_skew_apart"])
        yield Finding("note", f"the classes lean to different strands (skew {apart:.0f} standard errors apart)")


def _places(places: Mapping[str, Any]) -> Iterator[Finding]:
    rows = places.get("test_rows", 0)
    if n := places.get("exact", 0):
        yield Finding("leak", f"{part(n, rows)} test rows are training intervals, base for base")
    if n := places.get("overlapping", 0):
        yield Finding("leak", f"{part(n, rows)} test rows overlap a training interval")
    if n := places.get("repeats_in_train", 0):
        distinct = places["distinct_train_places"]
        yield Finding("note", f"train has {places['train_rows']:,} rows and {distinct:,} distinct intervals")
    if places.get("places_with_two_labels"):
        yield Finding(
            "labels", f"{places['places_with_two_labels']:,} distinct training intervals carry several labels"
        )
    share = places.get("share_on_shared_chromosomes", 0.0)
    if share >= WORTH_SAYING:
        yield Finding("note", f"{percent(share)} of the test rows lie on chromosomes that train has too")


def part(rows: int, of: int) -> str:
    """A count with its whole and its share.

    >>> part(358, 1000)
    '358 of 1,000 (35.8 %)'
    """
    return f"{rows:,} of {of:,} ({percent(rows / max(1, of))})"


def percent(share: float) -> str:
    """A share as it is printed.

    >>> percent(0.8776)
    '87.8 %'
    """
    return f"{100 * share:.1f} %"
