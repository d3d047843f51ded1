"""A data folder that an earlier version wrote is opened by this one."""
