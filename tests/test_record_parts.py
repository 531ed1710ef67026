"""A record from elsewhere is refused in one sentence where a part of it is not what its readers take."""

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest

from dnabench.harness.errors import RecordError
from dnabench.harness.run import npz
from dnabench.harness.run.record_json import dumps, loads
from dnabench.harness.run.record_parts import odd_part
from dnabench.harness.types import RunRecord, Score

GOOD = RunRecord("ok", {"data": {"test": "a"}}, {"name": "m"}, {"name": "s/t"}, {}, {"mcc": Score("mcc", 0.5)})


def with_part(path: tuple[Any, ...], value: Any) -> str:
    content = json.loads(dumps(GOOD))
    *way, last = path
    part = content
    for step in way:
        part = part.setdefault(step, {})
    part[last] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("cost", "seconds"), "fast"),
        (("cost", "seconds"), -1.0),
        (("cost", "peak_memory_mb"), {"a": 1}),
        (("model", "name"), 5),
        (("model", "parameters"), "many"),
        (("model", "parameters"), True),
        (("checks", "bases_seen"), "all"),
        (("checks", "duplicates"), []),
        (("provenance", "packages"), [1]),
        (("replicates",), [{"name": "seed 0", "seed": 0, "chosen": [1]}]),
        (("replicates",), [{"name": "seed 0", "seed": "zero"}]),
        (("scores", "mcc", "value"), "0.9"),
        (("scores", "mcc", "per_replicate"), ["a"]),
    ],
)
def test_a_part_of_another_kind_is_named(path: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(RecordError, match=str(path[1] if len(path) > 1 else path[0])):
        loads(with_part(path, value), "r.json")


def test_what_is_unknown_may_be_null() -> None:
    assert (
        odd_part({"cost": {"seconds": None}, "model": {"parameters": None}, "scores": {"mcc": {"value": None}}}) == ""
    )
    assert loads(with_part(("cost", "seconds"), None), "r.json").cost == {"seconds": None}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "recursion"),
        ('{"schema": 1, "x": ' + "9" * 5000 + "}", "digits"),
        (dumps(GOOD).replace('"model"', '"scores": {},\n "model"', 1), "'scores' stands twice"),
        (with_part(("cost", "seconds"), 1).replace('"seconds": 1', '"seconds": 1e999'), "cost.seconds"),
    ],
)
def test_json_that_says_two_things_or_cannot_be_read_is_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(RecordError, match=said):
        loads(text, "r.json")


def test_an_archive_that_unpacks_to_a_thousand_times_its_size_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz, "BOMB", 2**16)
    out = io.BytesIO()
    np.savez_compressed(out, outputs=np.zeros((1, 2**16, 2), np.float32))
    with pytest.raises(RecordError, match="unpack to"):
        npz.from_bytes(out.getvalue(), "x.npz")
    with zipfile.ZipFile(io.BytesIO(out.getvalue())) as archive:
        npz.refuse_bomb(archive, 2**20)
