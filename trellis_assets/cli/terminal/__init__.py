"""What commands print: a live table at a terminal, lines and plain tables elsewhere."""
