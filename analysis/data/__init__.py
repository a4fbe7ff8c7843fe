"""What should be mended in the data before searching on?"""
