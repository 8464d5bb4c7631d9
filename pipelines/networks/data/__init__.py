"""What a network is trained and evaluated with."""
