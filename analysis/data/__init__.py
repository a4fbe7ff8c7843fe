"""What should be fixed in the data before searching on?"""
