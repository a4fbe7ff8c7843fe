"""Which search is best, and how sure is that?"""
