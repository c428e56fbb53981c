"""The codec: converts messages to the bytes of datagrams and back. `codec` is for all of them, the others for one kind each."""
