"""Second factors: what somebody has besides a password, how it is set up, shown and removed (R21 to R30)."""
