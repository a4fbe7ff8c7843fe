"""How did the trials of a search go?"""
