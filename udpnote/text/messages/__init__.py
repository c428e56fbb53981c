"""Messages for people: the other modules have a sentence for each kind of error and notice; `sentences` fills in the values."""
