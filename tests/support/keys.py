"""Keys and envelopes of a sealed notebook whose key was changed twice, and of a stranger."""

from random import Random

from udpnote.protocol.reception import Envelopes
from udpnote.protocol.sealed_envelope import client_envelope, server_envelope

_RANDOM = Random(6683)
NEW_KEY, MIDDLE_KEY, OLD_KEY, STRANGE_KEY = (bytes((number,)) * 16 for number in range(1, 5))
NEW, MIDDLE, OLD, STRANGE = (client_envelope(key, _RANDOM.randbytes) for key in (NEW_KEY, MIDDLE_KEY, OLD_KEY, STRANGE_KEY))
AT_NEW, AT_MIDDLE, AT_OLD = (server_envelope(key, _RANDOM.randbytes) for key in (NEW_KEY, MIDDLE_KEY, OLD_KEY))
SEALED_ENVELOPES = Envelopes((AT_NEW, AT_MIDDLE), (AT_OLD,))
