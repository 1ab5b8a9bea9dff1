"""What the product is measured beside; each is a server of its own."""
