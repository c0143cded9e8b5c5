"""A name server on 127.0.0.1 that answers for the zone a test gives it: real questions over UDP and TCP, no network.

Names below `silent.` are never answered, names below `broken.` with SERVFAIL; both may stand anywhere in a name. What
the zone does not know does not exist.
"""

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

_SECONDS = 60


@dataclass
class Zone:
    """Records by name and type, as zone files write them; tests change them while the server runs."""

    port: int = 0
    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def put(self, name: str, kind: str, *values: str) -> None:
        """Let *name* have these records of *kind* and no others; none at all without values."""
        self.records[name.lower().rstrip("."), kind] = list(values)

    def txt(self, name: str, *texts: str) -> None:
        """Let *name* have these TXT records, cut into strings of 255 octets."""
        self.put(name, "TXT", *(" ".join(f'"{cut}"' for cut in _cut(text)) for text in texts))

    @property
    def server(self) -> str:
        """What the setting `dns.servers` says."""
        return f"127.0.0.1:{self.port}"

    def answer(self, wire: bytes, *, longest: int | None) -> bytes | None:
        """The answer to one question; None where nobody answers."""
        query = dns.message.from_wire(wire)
        (question,) = query.question
        name, kind = (
            question.name.to_text(omit_final_dot=True).lower(),
            dns.rdatatype.to_text(question.rdtype),
        )
        self.asked.append((name, kind))
        labels = name.split(".")
        if "silent" in labels:
            return None
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if "broken" in labels:
            reply.set_rcode(dns.rcode.SERVFAIL)
        else:
            self._fill(reply, question.name, kind)
        return _packed(reply, longest)

    def _fill(self, reply: dns.message.Message, asked: dns.name.Name, kind: str) -> None:
        name = asked.to_text(omit_final_dot=True).lower()
        known = [key for key in self.records if key[0] == name and self.records[key]]
        for found in [key for key in known if key[1] in (kind, "CNAME")]:
            values = self.records[found]
            reply.answer.append(
                dns.rrset.from_text_list(
                    asked, _SECONDS, dns.rdataclass.IN, found[1], values, idna_codec=None
                )
            )
            if found[1] == "CNAME" and kind != "CNAME":
                self._fill(reply, dns.name.from_text(values[0]), kind)
        if not known and not reply.answer:
            reply.set_rcode(dns.rcode.NXDOMAIN)


def _cut(text: str) -> list[str]:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return [escaped[at : at + 255] for at in range(0, len(escaped), 255)] or [""]


def _packed(reply: dns.message.Message, longest: int | None) -> bytes:
    wire = reply.to_wire()
    if longest is None or len(wire) <= longest:
        return wire
    reply.answer.clear()
    reply.flags |= dns.flags.TC  # RFC 1035 4.1.1: ask again over TCP
    return reply.to_wire()


@contextmanager
def serving(zone: Zone) -> Iterator[Zone]:
    """Answer for *zone* while the block runs."""

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, socket = self.request
            if answer := zone.answer(wire, longest=dns.message.from_wire(wire).payload or 512):
                socket.sendto(answer, self.client_address)

    class Stream(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            (length,) = struct.unpack("!H", self.rfile.read(2))
            if answer := zone.answer(self.rfile.read(length), longest=None):
                self.wfile.write(struct.pack("!H", len(answer)) + answer)

    with (
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), Stream) as tcp,
        socketserver.ThreadingUDPServer(("127.0.0.1", tcp.server_address[1]), Datagram) as udp,
    ):
        zone.port = tcp.server_address[1]
        threads = [threading.Thread(target=server.serve_forever, args=(0.02,)) for server in (tcp, udp)]
        for thread in threads:
            thread.start()
        try:
            yield zone
        finally:
            for server in (tcp, udp):
                server.shutdown()
            for thread in threads:
                thread.join()
