"""What a table of somebody's own is for, guessed from its columns; nothing that is run or kept depends on it."""
