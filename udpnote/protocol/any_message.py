"""The union of all messages of the protocol."""

from udpnote.protocol.examination_messages import Examine, Report
from udpnote.protocol.messages import Ack, Append, Discover, Offer, Refuse, Run
from udpnote.protocol.reading_messages import Page, Read

Message = Discover | Offer | Append | Run | Ack | Read | Page | Refuse | Examine | Report
