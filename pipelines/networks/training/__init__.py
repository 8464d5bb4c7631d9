"""How a network is trained and stored."""
