"""How configurations are trained on Ray: as trials of a search, and as full runs on other seeds."""
