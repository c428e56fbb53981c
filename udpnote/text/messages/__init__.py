"""What people are told: a sentence for each kind of error and notice. `sentences` makes them; the other modules hold them."""
