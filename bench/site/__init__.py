"""The static site: a view of a leaderboard folder, and of nothing else.

`build.py` writes it, `data.py` holds what the pages share, `pages/` has a module a kind of page, `templates/` what they
look like. A page is bytes under a path: the same board gives the same site.
"""
