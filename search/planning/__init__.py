"""How long a search will take and how much memory, estimated before it begins."""
