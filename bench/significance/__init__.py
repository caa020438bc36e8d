"""How sure a difference is: intervals, paired tests, groups and ranks, from per-query scores alone.

Everything rests on one drawing unit. It is the query; the question with all its languages together where a task is
parallel, for the same question is hard in every language; and the cluster (a paragraph with its questions) where the
task's card names one. Means are over the queries of a language, and the macro mean is over languages; units are what is
drawn again or swapped. All drawing is seeded, and shared by all systems, so that differences are paired.
"""
