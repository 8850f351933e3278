// ws for Node as a peer. It reads tasks as lines of JSON, and writes reports in the same form.

import { createInterface } from "node:readline";
import WebSocket, { WebSocketServer } from "ws";

const say = (line) => console.log(JSON.stringify(line));

function act(socket, task, done) {
  socket.on("error", () => {}); // followed by "close"
  socket.on("close", (code, reason) => {
    say({ id: task.id, code, reason: reason.toString() });
    done();
  });
  switch (task.act) {
    case "close":
      socket.close(...task.arguments);
      break;
    case "tell and close":
      socket.send("hello");
      socket.close(...task.arguments);
      break;
    case "talk":
      socket.on("message", (text) => {
        if (text.toString() === "hello") socket.close(...task.arguments);
      });
      socket.send("hello");
      break;
    case "raw":
      socket._socket.write(Buffer.from(task.frame));
      break;
    case "silent":
      socket.pause();
      socket.send("hello");
      setTimeout(() => socket.resume(), task.seconds * 1000);
      break;
    case "drop":
      socket.terminate();
      break;
  }
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const task = JSON.parse(line);
  const options = { perMessageDeflate: false, closeTimeout: task.patience * 1000 };
  if (task.dial) {
    const socket = new WebSocket(`ws://127.0.0.1:${task.dial}/`, options);
    socket.on("open", () => act(socket, task, () => {}));
    return;
  }
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, ...options });
  server.on("listening", () => say({ id: task.id, port: server.address().port }));
  server.on("connection", (socket) => act(socket, task, () => server.close()));
});
