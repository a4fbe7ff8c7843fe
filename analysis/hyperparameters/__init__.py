"""Which hyperparameters mattered, and were their ranges wide enough?"""
