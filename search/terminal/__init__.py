"""What a command prints: the plan, progress, tables and the next commands."""
