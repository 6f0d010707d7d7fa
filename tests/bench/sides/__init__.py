"""What the product is measured against, each as a small program with a server of its own."""
