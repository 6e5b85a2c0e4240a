"""The Data API: a query language over tracked tables, under permissions, answered by Postgres."""
