"""Labels to stick on bins, goods, boxes and badges: asked for here, drawn in bots/pictures/labels.

door.py is the routes, things.py looks up what is to be labelled, spelling.py chooses a code that
our own scanner reads as that very thing, writing.py makes the file.
"""
