"""One-tap shortcuts: what a form asks is data, what it arrives filled with is worked out.

`definition` says which fields a shortcut has and where each may get its value, `facts` loads what
is known, `rules` and `sources` fill the fields, `verbs` is the table of what a shortcut may end in,
`offer` shows the form, `launch` does it once, `usage` measures whether it arrived filled.
Not for buttons of task cards: those stand in core/actions.py.
"""
