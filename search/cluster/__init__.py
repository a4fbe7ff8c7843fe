"""The Ray cluster of a command: started, watched and taken down."""
