"""Prints, for every conformance folder of a network, the largest difference between our outputs and the reference's.

DNABENCH_CONFORMANCE=DIR python tests/conformance_table.py
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from conformance_folders import VARIABLE, Folder, answers_of, compared, sound
from tabulate import tabulate


def main() -> None:
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    rows = [_row(folder) for folder in sound()]
    if not rows:
        sys.exit(f"no conformance folders: let {VARIABLE} name the directory that holds them")
    print(tabulate(rows, ("folder", "family", "outputs compared", "largest difference", "allowed"), "pipe"))


def _row(folder: Folder) -> tuple[str, str, int, str, str]:
    """A folder's largest absolute difference over all outputs of all cases, and what that output is allowed."""
    found = []
    for case in folder.cases["cases"]:
        arrays = folder.arrays(case)
        for name, ours in answers_of(folder, folder.network(), case).items():
            if name in arrays:
                keep = compared(case, arrays, ours)
                apart = np.abs(ours.numpy()[keep].astype(float) - arrays[name].numpy()[keep].astype(float))
                found.append((float(apart.max(initial=0.0)), *folder.tolerance(name)))
    apart, atol, rtol = max(found)
    return folder.path.name, str(folder.family), len(found), f"{apart:.1e}", f"{atol:g} + {rtol:g} of the value"


if __name__ == "__main__":
    main()
