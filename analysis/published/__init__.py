"""Which searches stand behind the tables in the docs?"""
