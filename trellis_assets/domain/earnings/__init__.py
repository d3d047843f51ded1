"""What the subnet pays for mining, what mining costs, and how near deregistration is."""
