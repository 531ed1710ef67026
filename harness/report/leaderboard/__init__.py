"""The leaderboard: a pure function of a results tree, as tables for people, papers and programs, and as one page.

records, predictions, published ──gather──► Field ──standing──► Board ──► data, papers, page ──write──► five files
"""
