"""A whole run made ready to send: checked, copied with its predictions, with a model card beside each model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...data.load import DataOptions
from ...errors import RequestError
from ...run.store import StoredRecord, read_records
from ..card import PICTURE, model_card, read_present
from ..check.results import SCORED, check_results
from ..merge import Merged, merge
from ..together import write_together

CARD = "README.md"


def pack(run: Path, out: Path, data: DataOptions) -> list[Merged]:
    """Copy the records below a folder into `out`, a results tree, and write the card of each model there.

    Raises RequestError that names the first fault: what does not follow from its predictions is not sent.
    """
    if out.resolve() in (run.resolve(), *run.resolve().parents):
        raise RequestError(f"{run} lies in {out} already: name another folder with -o.")
    faults = [found for found in check_results(run, intervals=True, data=data) if found.verdict == "fault"]
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise RequestError(
            f"{faults[0].subject}: {faults[0].text}{more}: `dnabench check --results {run}` says it all."
        )
    done = merge([run], out)
    for folder, records in _models(out, done):
        card = model_card([one.record for one in records], read_present(folder / CARD))
        try:
            write_together(folder, {PICTURE: card.picture, CARD: card.text})
        except OSError as problem:
            raise RequestError(f"{folder}: cannot be written ({problem}): name another folder with -o.") from problem
    return done


def _models(out: Path, done: list[Merged]) -> Iterator[tuple[Path, list[StoredRecord]]]:
    """The folders of the models that were copied, with their records that have scores."""
    for model in dict.fromkeys(Path(one.cell).parent.parent for one in done):
        folder = out / "runs" / model
        records = [one for one in read_records(folder) if one.record.status in SCORED]
        if any(one.record.status == "ok" for one in records):
            yield folder, records
