"""deploy/compose without containers."""
