"""Which search is best, and how certain is that?"""
