"""What `import` reads, what it compares, and what it prints."""
