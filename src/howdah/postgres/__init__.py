"""Connections, pools, transactions, LISTEN and named queries. Knows Postgres; knows nothing of what is asked of it."""
