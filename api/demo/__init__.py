"""The demo company and its day: data of our own making, loaded and lived through the real verbs."""
