"""Runs execute in Celery workers, on one machine or many."""
