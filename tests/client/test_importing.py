"""Importing: entries come out as they went in, in their order, each once, whatever the network and the notebook are like."""
