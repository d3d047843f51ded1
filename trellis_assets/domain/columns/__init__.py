"""One registry of the columns that people get: names, types, meanings, and where each is shown."""
