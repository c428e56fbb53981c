"""The options that several commands share: their declarations, and what the typed values mean."""
