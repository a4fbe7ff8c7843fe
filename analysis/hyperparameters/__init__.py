"""Which hyperparameters matter, and where is the best value?"""
