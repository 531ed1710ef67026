"""From a task to rows that can be trusted: suite files, sources, readers, identity, split rules, genome windows.

    suite.yaml ─ suite_file ─► Task ─ sources, hub ─► file ─ opening, formats ─► Rows ─ rows ─► Split
                                                                    identity ─► SplitFacts    cuts, folds ─► Splits

`load.load_splits` is the way in; the module is empty so that reading a suite does not import numpy.
"""
