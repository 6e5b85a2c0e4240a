"""The project's database as a whole: held against the files, taken over into files, made anew, put back from a copy."""
