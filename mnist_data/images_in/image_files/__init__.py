"""Image files in folders and archives: their splits and classes, and their pixels."""
