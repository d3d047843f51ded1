"""Sessions: what one start of the miner records of itself."""

# The flag of a session that names its miner's hotkey; without it where no validator is polled.
MINER_FLAG = "miner_hotkey"
