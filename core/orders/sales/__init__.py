"""Goods out: sale → reserve → wave → pick → pack → ship, and what comes back.

`order.py` begins an order, `wave.py` releases orders to be picked, `pick.py` and `short.py` empty
bins, `pack.py` and `ship.py` let the goods go, `cancel.py` gives an order up and `putback.py` has
its goods brought back, `book.py` reads. Purchases are next door.
"""
