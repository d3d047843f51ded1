"""What the miner costs and waits apart from generating: measured from outside, against two other miners."""
