"""Which pixels a network's predictions depend on."""
