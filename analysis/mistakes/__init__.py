"""Which sentences does the winner get wrong?"""
