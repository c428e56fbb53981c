"""An attacker on the LAN, who sees every datagram, and repeats, reflects, cuts, splices and forges datagrams.

If the notebook is open, the attacker does only what must be harmless there. For example, it does not acknowledge an entry that
it has seen, because anybody on the LAN can do that. If the notebook is sealed, everything that an attacker without the key does
must be harmless. There the attacker even knows the content of each sealed datagram, and the keys that are no longer accepted.
"""

from functools import partial

from tests.simulation.history import Violation
from tests.simulation.lan import Lan
from tests.support.network import PORT
from udpnote.errors import BadDatagram
from udpnote.model.address import Address
from udpnote.model.entry import NOTHING_SEEN, Bundle, NoteRun, Status
from udpnote.model.query import FIRST
from udpnote.protocol.codec.codec import Message, decode, encode
from udpnote.protocol.messages import TOKEN_BYTES, Ack, Append, Discover, Offer, PartAck, Reason, Refuse, Run
from udpnote.protocol.messages import content_check as check_of
from udpnote.protocol.reading_messages import Page, PageState, Read

ATTACKS_MAX = 120  # per seed: a few dozen of each kind reach every state

LATER_SECONDS = 60.0
REMEMBERED = 40
WORTH_BYTES = 32  # shorter datagrams are not worth an attack

FORGED_NUMBER = 7_777_777


class Attacker:
    """Attacks with a share `rate` (0 to 1) of the datagrams that it sees, until the seed's calm begins."""

    def __init__(self, lan: Lan, rate: float) -> None:
        self._lan, self._random, self._rate = lan, lan.random, rate
        self._seen: list[bytes] = []
        self._attacks = 0
        self._address: Address = (lan.new_host("10.0.6"), PORT)
        if rate and lan.seals.are_used:
            lan.network.attach(self._address, self._receive, hears_broadcasts=True)
        lan.network.watcher = self._see

    def _see(self, data: bytes, source: Address, destination: Address) -> None:
        """Look at each datagram that is sent, and attack with some of them."""
        if destination == self._address and self._lan.is_server(source):
            raise Violation("the server has sent something to a host that never asked it with the key")
        is_worth_it = len(data) >= WORTH_BYTES and self._random.random() < self._rate
        if self._lan.is_calm or self._attacks >= ATTACKS_MAX or not is_worth_it:
            return
        self._attacks += 1
        self._seen = [*self._seen[-REMEMBERED:], data]
        attacks = [self._repeat, self._reflect, self._cut, self._flip, self._splice, self._forge]
        self._random.choice(attacks)(data, source, destination)

    def _put(self, what: str, data: bytes, source: Address, destination: Address) -> None:
        """Let `data` arrive at `destination`, as if it came from `source`. `what` is counted."""
        self._lan.count(f"attacker {what}")
        self._lan.clock.after(self._random.uniform(0.0, 0.01), partial(self._deliver, data, source, destination))

    def _deliver(self, data: bytes, source: Address, destination: Address) -> None:
        if not self._lan.is_calm:
            self._lan.network.deliver(data, source, destination)

    def _repeat(self, data: bytes, source: Address, destination: Address) -> None:
        """Send a datagram again later, perhaps from another address, perhaps to another host."""
        other = self._random.choice([*self._lan.network.receivers, destination])
        source = self._random.choice((source, (self._lan.new_host("10.0.7"), PORT)))
        destination = self._random.choice((destination, destination, other))
        again = partial(self._put, "repeated a datagram", data, source, destination)
        self._lan.clock.after(self._random.choice((0.001, self._random.uniform(0.0, LATER_SECONDS))), again)

    def _reflect(self, data: bytes, source: Address, destination: Address) -> None:
        self._put("reflected a datagram", data, destination, source)

    def _cut(self, data: bytes, source: Address, destination: Address) -> None:
        self._put("cut a datagram", data[: self._random.randrange(len(data))], source, destination)

    def _flip(self, data: bytes, source: Address, destination: Address) -> None:
        flipped = bytearray(data)
        flipped[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)
        self._put("flipped a bit", bytes(flipped), source, destination)

    def _splice(self, data: bytes, source: Address, destination: Address) -> None:
        """Join the beginning of a datagram to the end of an earlier one."""
        other, position = self._random.choice(self._seen), self._random.choice((4, 20, 24, len(data) // 2, len(data) - 16))
        spliced = data[:position] + other[position:]
        if spliced not in (data, other):
            self._put("spliced two datagrams", spliced, source, destination)

    def _forge(self, data: bytes, source: Address, destination: Address) -> None:
        """Send messages that look like those of a client or of the server."""
        try:
            message = decode(self._lan.seals.opened(data))
        except BadDatagram:
            return
        if not self._lan.seals.are_used:
            self._forge_openly(message, source, destination)
            return
        for answer in self._ask(message, source, destination):
            self._put("answered in the open", encode(answer), destination, source)

    def _ask(self, message: Message, source: Address, destination: Address) -> list[Message]:
        """Send the request `message` in the open, with a foreign key, and with a key that is no longer accepted.

        Returns forged answers to `message`.
        """
        new = message
        if isinstance(message, Append):  # with a sequence that is not stored yet
            new = message._replace(part=message.part._replace(sequence=message.part.sequence + FORGED_NUMBER))
        if isinstance(message, Run):
            new = message._replace(notes=_later(message.notes))
        seals, data = self._lan.seals, encode(new)
        asker = self._random.choice((source, self._address))
        self._put("said in the open what was sealed", data, asker, destination)
        self._put("sealed with another key", encode(new, seals.stranger), asker, destination)
        if seals.former:
            former = (self._lan.new_host("10.0.7"), PORT)
            asked = encode(new, self._random.choice(seals.former))
            self._put("asked with a key that was taken back", asked, former, destination)
        return self._answers(message)

    def _answers(self, message: Message) -> list[Message]:
        """The answers that the server of an open notebook could give to `message`."""
        match message:
            case Append() | Run():
                return _answers_to(message)
            case Read(_, stream_id, burst, cursor):
                end = Page(stream_id, burst, PageState.END, cursor, cursor, cursor, NOTHING_SEEN, 0, ())
                return [end, end._replace(state=PageState.KEY_CHANGED)]
            case Discover(probe_id, notebook_id):
                return [Offer(probe_id, notebook_id or self._lan.notebook_id, "simulated", 3, "0", 1, bytes(8))]
            case _:
                return []

    def _forge_openly(self, message: Message, source: Address, destination: Address) -> None:
        """Send forged answers that a client must not believe: their token, text or sequence is not that of a request."""
        match message:
            case Append() | Run():
                for answer in _answers_to(message._replace(token=self._random.randbytes(TOKEN_BYTES))):
                    self._put("answered without having seen the token", encode(answer), destination, source)
                acknowledgement, *_ = _answers_to(_with_another_text(message))
                self._put("acknowledged another text", encode(acknowledgement), destination, source)
                _, *refusals = _answers_to(message, sequences_later=1_000_000)
                self._put("refused what is not under way", encode(self._random.choice(refusals)), destination, source)
            case Discover():
                offer = Offer(self._random.randbytes(8), self._lan.notebook_id, "simulated", 3, "0", 0, bytes(8))
                self._put("offered without having been asked", encode(offer), self._address, source)
            case Read():
                page = Page(self._random.randbytes(8), 1, PageState.END, FIRST, FIRST, FIRST, NOTHING_SEEN, 0, ())
                self._put("sent a page to nobody", encode(page), destination, source)
            case _:
                pass

    def _receive(self, data: bytes, source: Address) -> None:
        """Pose as the notebook's server: answer DISCOVERs in the open. Raises `Violation` if a client believes it."""
        try:
            message = decode(data)
        except BadDatagram:
            return
        if isinstance(message, Append | Run | Read):
            raise Violation("a client that knows a sealed notebook speaks with an impostor")
        if isinstance(message, Discover) and not self._lan.is_calm:
            self._lan.count("attacker posed as the notebook")
            offer = Offer(message.probe_id, self._lan.notebook_id, "simulated", 3, "0", 0, bytes(8))
            self._lan.network.deliver(encode(offer), self._address, source)


def _later(notes: NoteRun | Bundle) -> NoteRun | Bundle:
    """Return the same notes with sequences that are not stored yet."""
    if isinstance(notes, Bundle):
        return notes._replace(notes=tuple(note._replace(sequence=note.sequence + FORGED_NUMBER) for note in notes.notes))
    return notes._replace(sequence=notes.sequence + FORGED_NUMBER)


def _with_another_text(message: Append | Run) -> Append | Run:
    if isinstance(message, Run):
        return message._replace(check=message.check ^ 1)
    return message._replace(part=message.part._replace(data=message.part.data + b"!"))


def _answers_to(message: Append | Run, *, sequences_later: int = 0) -> list[Message]:
    """Return an acknowledgement of what `message` carries, then a refusal for each `Reason`.

    Their sequence is that of `message` plus `sequences_later`.
    """
    if isinstance(message, Run):
        client_id, sequence, offset, check = message.notes.client_id, message.notes.sequence, 0, message.check
    else:
        part = message.part
        client_id, sequence, offset, check = part.client_id, part.sequence, part.offset, check_of(part)
    sequence += sequences_later
    ack = PartAck(sequence, offset, message.attempt, Status.STORED, FORGED_NUMBER, check)
    refusals = (Refuse(message.token, reason, client_id, sequence, offset, message.attempt) for reason in Reason)
    return [Ack(message.token, client_id, (ack,)), *refusals]
