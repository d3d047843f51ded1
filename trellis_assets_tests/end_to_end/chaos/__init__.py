"""A mining session whose processes are killed at random points, and the audit of what became of it."""
