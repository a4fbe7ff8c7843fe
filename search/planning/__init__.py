"""How long a search will take and how much memory, before it begins and while it runs."""
