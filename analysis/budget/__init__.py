"""What did the budget of a search buy?"""
