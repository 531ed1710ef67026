"""Did a score regress? Two places, their cells in pairs, one promise for the whole table.

BASE, NEW ──operands──► records ──pairs──► Pair ──changes, noise──► gate ──► table, ci
"""
