"""What strangers hand in: a file of predictions matched row by row with a task's test set, or a whole run made ready.

file ──match (sheet)──► Predictions ──record──► stored record, or ──operand──► one for `compare`; run ──pack──► folder
"""
