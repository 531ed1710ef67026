"""The audit as people read it: facts about rows beside the scores of trivial rules, as text, Markdown, JSON or a page.

tasks ──audit──► Audit ──page, plots──► Page ──text, html──► what is printed; marks stand in every table of scores
"""
