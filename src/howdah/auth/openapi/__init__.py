"""The OpenAPI document of accounts, made of the table of calls and what each takes and answers."""
