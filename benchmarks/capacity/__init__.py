"""How far the miner scales: what a task costs, measured, and a simulation of up to 1,000 endpoints on it."""
