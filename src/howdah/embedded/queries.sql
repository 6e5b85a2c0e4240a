-- database_exists --
-- Whether the project's database was made.
SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = %s)
