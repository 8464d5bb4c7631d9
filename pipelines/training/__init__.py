"""What training and judging a network consists of: models, the loop, the scores, the files."""
