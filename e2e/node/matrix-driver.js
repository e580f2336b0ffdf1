// Drives clients of matrix-js-sdk for the harness, as driver.js does those of
// @xmpp/client: one JSON object per line in, one per line out. It decides nothing:
// a scenario calls the library's methods by name.
//
//   {"client":"m1","op":"connect","url":"http://127.0.0.1:8008","user":"@bob:localhost","token":"…"}
//   {"client":"m1","op":"call","id":7,"method":"joinRoom","args":["#room:localhost"]}
//   {"client":"m1","op":"read","id":8,"to":"!room:localhost","text":"$event"}
//   {"client":"m1","op":"upload","id":9,"text":"<base64>","args":[{"type":"text/plain","name":"a.txt"}]}
//   {"client":"m1","op":"close"}
//
// Out: {"client":"m1","event":"online"}, {"event":"matrix","data":{type,room_id,sender,content…}},
// {"event":"result","id":7,"data":…} or {"event":"result","id":7,"text":"why not"}, {"event":"closed"}.
// What is no event of a room comes in the form of one: m.typing, m.receipt and
// m.presence by whom they are about, and "membership" when our own has changed.
import readline from "node:readline";

// Standard output is for events; the library talks.
for (const level of ["log", "info", "debug", "warn", "trace"]) console[level] = console.error;

const { createClient } = await import("matrix-js-sdk/lib/index.js");
const { logger } = await import("matrix-js-sdk/lib/logger.js");
logger.setLevel("error");

const clients = new Map();

function tell(client, event, fields = {}) {
  process.stdout.write(JSON.stringify({ client, event, ...fields }) + "\n");
}

function connect({ client, url, user, token }) {
  const matrix = createClient({ baseUrl: url, userId: user, accessToken: token, deviceId: "harness" });
  clients.set(client, matrix);
  const event = (data) => tell(client, "matrix", { data });
  const seen = new Set(); // a limited sync shows some events again
  matrix.on("Room.timeline", (e, room, toStart) => {
    if (toStart || e.status || seen.has(e.getId())) return; // history, or our own and not yet sent
    seen.add(e.getId());
    event({ room_id: room?.roomId, ...e.event });
  });
  matrix.on("Room.myMembership", (room, membership) => {
    const own = room.getMember(user)?.events.member;
    event({ type: "membership", room_id: room.roomId, sender: own?.getSender() ?? "", content: { ...own?.getContent(), membership } });
  });
  matrix.on("RoomMember.typing", (e, member) =>
    event({ type: "m.typing", room_id: member.roomId, sender: member.userId, content: { typing: member.typing } }));
  matrix.on("Room.receipt", (e, room) => {
    for (const [id, kinds] of Object.entries(e.getContent()))
      for (const [kind, users] of Object.entries(kinds))
        for (const sender of Object.keys(users))
          event({ type: "m.receipt", room_id: room.roomId, sender, content: { event: id, kind } });
  });
  matrix.on("event", (e) => {
    if (e.getType() === "m.presence") event({ type: "m.presence", sender: e.getSender(), content: e.getContent() });
  });
  let online = false;
  matrix.on("sync", (state, before, data) => {
    if (state === "PREPARED" && !online) {
      online = true;
      tell(client, "online", { jid: user });
    }
    if (state === "ERROR" || state === "RECONNECTING") tell(client, "error", { text: `${state} ${data?.error ?? ""}` });
  });
  matrix.startClient({ initialSyncLimit: 20, includeArchivedRooms: false });
}

async function result({ client, id }, promise) {
  try {
    tell(client, "result", { id, data: (await promise) ?? null });
  } catch (err) {
    tell(client, "result", { id, text: String(err) || "failed" });
  }
}

const operations = {
  connect,
  call: (c) => result(c, (async () => {
    const matrix = clients.get(c.client);
    const value = await matrix[c.method](...(c.args ?? []));
    return value?.roomId ? { room_id: value.roomId } : value; // a Room has everything in it
  })()),
  read: (c) => result(c, (async () => {
    const matrix = clients.get(c.client);
    await matrix.sendReadReceipt(matrix.getRoom(c.to).findEventById(c.text));
  })()),
  upload: (c) => result(c, clients.get(c.client).uploadContent(Buffer.from(c.text, "base64"), c.args[0])),
  close: ({ client }) => {
    clients.get(client)?.stopClient();
    clients.delete(client);
    tell(client, "closed");
  },
};

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const command = JSON.parse(line);
  try {
    await operations[command.op](command);
  } catch (err) {
    tell(command.client, "error", { text: String(err) });
  }
}).on("close", () => process.exit(0));
process.on("unhandledRejection", (err) => console.error(err));
