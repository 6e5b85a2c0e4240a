"""Ready pages for people: forms that work without a script, in one look that settings can colour."""
