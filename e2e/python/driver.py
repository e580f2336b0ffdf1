"""Drives clients of slixmpp for the harness: one JSON object per line in, one per
line out, as e2e/node/driver.js does. Its "muc" joins with slixmpp's own XEP-0045."""

import asyncio
import json
import logging
import sys

import slixmpp
from slixmpp.xmlstream import ET

clients = {}


def tell(client, event, **fields):
    print(json.dumps({"client": client, "event": event, **fields}), flush=True)


class Client(slixmpp.ClientXMPP):
    def __init__(self, name, jid, password):
        super().__init__(jid, password, plugin_config={"feature_mechanisms": {"unencrypted_scram": True}})
        self.name = name
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0045")
        self.register_plugin("xep_0199")
        self.add_event_handler("session_start", lambda _: tell(name, "online", jid=str(self.boundjid)))
        self.add_event_handler("disconnected", lambda why: tell(name, "closed", text=str(why)))
        self.add_event_handler("failed_auth", lambda why: tell(name, "error", text=str(why)))
        self.add_filter("in", self.seen)

    def seen(self, stanza):
        tell(self.name, "stanza", xml=str(stanza))
        return stanza


def connect(c):
    xmpp = Client(c["client"], f"{c['user']}@{c['domain']}/{c['resource']}", c["password"])
    clients[c["client"]] = xmpp
    xmpp.connect((c["host"], c["port"]), disable_starttls=True)


def muc(c):
    clients[c["client"]].plugin["xep_0045"].join_muc(c["to"], c["user"])


operations = {
    "connect": connect,
    "muc": muc,
    "send": lambda c: clients[c["client"]].send_raw(c["xml"]),
    "close": lambda c: clients[c["client"]].disconnect(),
}


async def main():
    reader = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command = json.loads(line)
        try:
            operations[command["op"]](command)
        except Exception as err:  # whatever it is, the scenario must hear of it
            tell(command["client"], "error", text=repr(err))


logging.basicConfig(level=logging.WARNING)
asyncio.get_event_loop().run_until_complete(main())
