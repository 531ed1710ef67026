"""What people read: tables and pages made from records, and checks of task files, models and results.

Everything here is a function from nouns to text; nothing is computed that is not in a record or a task file.
"""
