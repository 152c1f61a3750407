"""What other programs wrote, read as data: weights, and features of pictures."""
