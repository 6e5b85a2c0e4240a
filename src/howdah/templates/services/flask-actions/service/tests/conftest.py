import os

os.environ["BEARER"] = "only-the-tests-know-this"
