"""What callers of the actions in the kit's tests show."""

BEARER = "a-bearer-of-the-tests-long-enough"
