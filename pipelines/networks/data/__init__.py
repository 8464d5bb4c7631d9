"""The samples that a network is trained and evaluated with."""
