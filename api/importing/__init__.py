"""Import of spreadsheets: read a file safely, check every row, then write it in chunks.

`sheet` reads, `kinds` says which columns exist, `rows` turns text into values, the `*_rows` modules
turn values into verbs of the core, `run` drives it, `door` is the route. Nothing here writes a row
by itself: every line of a file goes through the same verb a person would use.
"""
