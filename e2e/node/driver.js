// Drives clients of @xmpp/client (and irc-framework) for the harness: one JSON object
// per line in, one per line out. It decides nothing: stanzas pass as text.
//
//   {"client":"c1","op":"connect","host":"127.0.0.1","port":5222,"domain":"localhost",
//    "user":"alice","password":"…","resource":"phone"}
//   {"client":"c1","op":"send","xml":"<presence/>"}
//   {"client":"c1","op":"close"}
//   {"client":"i1","op":"irc","host":"127.0.0.1","port":6667,"user":"mallory"}
//   {"client":"i1","op":"join","to":"#chan"}
//   {"client":"i1","op":"say","to":"#chan","text":"hello"}
//
// Out: {"client":"c1","event":"online","jid":"…"}, {"event":"stanza","xml":"…"},
// {"event":"said","from":"…","to":"…","text":"…"}, {"event":"closed","text":"why"}.
import readline from "node:readline";
import { client as xmppClient } from "@xmpp/client";
import parse from "@xmpp/xml/lib/parse.js";
import IRC from "irc-framework";

const clients = new Map();

function tell(client, event, fields = {}) {
  process.stdout.write(JSON.stringify({ client, event, ...fields }) + "\n");
}

function connect({ client, host, port, domain, user, password, resource }) {
  const xmpp = xmppClient({
    service: `xmpp://${host}:${port}`,
    domain,
    username: user,
    password,
    resource,
  });
  // A scenario says itself when to come back.
  xmpp.reconnect.stop();
  clients.set(client, xmpp);
  xmpp.on("error", (err) => tell(client, "error", { text: String(err) }));
  xmpp.on("online", (jid) => tell(client, "online", { jid: jid.toString() }));
  xmpp.on("offline", () => tell(client, "closed"));
  xmpp.on("disconnect", () => tell(client, "closed"));
  xmpp.on("stanza", (stanza) => tell(client, "stanza", { xml: stanza.toString() }));
  xmpp.start().catch((err) => tell(client, "closed", { text: String(err) }));
}

function irc({ client, host, port, user }) {
  const irc = new IRC.Client();
  clients.set(client, irc);
  irc.on("registered", () => tell(client, "online", { jid: irc.user.nick }));
  irc.on("privmsg", (e) => tell(client, "said", { from: e.nick, to: e.target, text: e.message }));
  irc.on("action", (e) => tell(client, "said", { from: e.nick, to: e.target, text: "/me " + e.message }));
  irc.on("userlist", (e) => tell(client, "joined", { to: e.channel }));
  irc.on("close", () => tell(client, "closed"));
  irc.connect({ host, port, nick: user, username: user, gecos: user, auto_reconnect: false });
}

const operations = {
  connect,
  irc,
  send: ({ client, xml }) => clients.get(client).send(parse(xml)),
  close: ({ client }) => clients.get(client).stop(),
  join: ({ client, to }) => clients.get(client).join(to),
  say: ({ client, to, text }) => clients.get(client).say(to, text),
  quit: ({ client }) => clients.get(client).quit("bye"),
};

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const command = JSON.parse(line);
  try {
    await operations[command.op](command);
  } catch (err) {
    tell(command.client, "error", { text: String(err) });
  }
}).on("close", () => process.exit(0));
