"""Pure functions on texts: search terms, export and import formats, and messages for people."""
