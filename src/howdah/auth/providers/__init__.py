"""The ways to show who one is. Each reads its own ``data`` and says whose account it is."""
