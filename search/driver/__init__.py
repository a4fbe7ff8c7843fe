"""The driver: the searches of one command, from its flags to the result that it prints."""
