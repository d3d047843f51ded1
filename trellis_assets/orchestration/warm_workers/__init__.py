"""Runs execute in processes that are warm already: no start of Python between a task and its generation."""
