"""A second reading of the language, slow and obviously right, over worlds that are made up: for `test_oracle`."""
