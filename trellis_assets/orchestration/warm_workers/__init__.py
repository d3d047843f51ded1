"""Run workers that are started ahead of need, so that no start of Python delays a task's generation."""
