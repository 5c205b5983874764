"""The product without a face: facts and rules.

Imports nothing of ours outside `core`. Faces (api, bots, pda) call the verbs here as a known
person.
"""
