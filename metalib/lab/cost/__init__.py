"""What an inner loop costs: memory and time against inner steps, four ways to take the meta-gradient."""
