"""The committed results keep their promises: records parse, hashes hold, scores follow from the predictions."""

from pathlib import Path

from dnabench.harness.report.check.results import check_results
from dnabench.harness.run.store import read_records

RESULTS = Path(__file__).resolve().parents[1] / "results"


def test_every_committed_record_follows_from_its_predictions() -> None:
    faults = [found for found in check_results(RESULTS) if found.verdict not in ("ok", "note")]
    assert not faults


def test_every_committed_number_was_made_by_a_committed_state_of_the_code() -> None:
    records = [stored.record for stored in read_records(RESULTS)]
    assert records
    assert all(r.status == "ok" and r.provenance["dirty"] is False and r.provenance["commit"] for r in records)
