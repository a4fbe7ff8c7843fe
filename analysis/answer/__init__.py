"""The first screen: who won, how sure that is, and how to go on."""
