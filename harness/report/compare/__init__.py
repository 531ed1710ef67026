"""Which model is better: operands by name, paired differences, p-values over all tasks, a suite in one table.

words ──operands──► Operand ──compare (seeds, step)──► Comparison ──summary, table──► Table
"""
