"""The codec: converts messages to bytes and back. The module `codec` is for all messages, each other module for one kind."""
