"""What outlives the process: the ledger, checkpoints, and who may use them."""
