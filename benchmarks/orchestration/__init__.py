"""What the miner costs and waits beside generating: measured from outside, against two other miners."""
