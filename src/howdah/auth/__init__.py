"""Accounts: who somebody is, how that is shown, and for how long it is believed."""
