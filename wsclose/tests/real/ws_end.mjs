// One end of a WebSocket with npm's ws. Prints what it reports: a JSON line for each connection.
//
//     node ws_end.mjs serve PORT
//     node ws_end.mjs connect URL
import { createRequire } from 'node:module';

// `ws` is found where NODE_PATH says, which `import` ignores.
const { WebSocket, WebSocketServer } = createRequire(import.meta.url)('ws');
const [command, target] = process.argv.slice(2);

// What a server puts on the wire itself.
const RAW = {
  'bad-code': Buffer.from('880203ed', 'hex'),
  'bad-utf8': Buffer.from('880503e8c328ff', 'hex'),
  'bad-text': Buffer.from('8102c328', 'hex'),
  'bad-opcode': Buffer.from('83026869', 'hex'),
  'more-after-close': Buffer.from('880203e8810268698900', 'hex'),
  'cut-frame': Buffer.concat([Buffer.from('827e1000', 'hex'), Buffer.alloc(100, 'x')]),
};

function watch(end, path, ws) {
  ws.on('error', () => {});
  ws.addEventListener('close', ({ code, reason, wasClean }) =>
    console.log(JSON.stringify({ program: 'ws', end, path, code, reason: reason.toString(), wasClean })));
}

function serve(ws, { url }) {
  const name = url.split('/')[1];
  watch('server', url, ws);
  if (name === 'server-closes') {
    ws.send('hello');
    ws.close(1001, 'see you');
  } else if (name === 'client-has-its-own-code') {
    ws.send('go');
    ws.close(1000, 'server done');
  }
  ws.once('message', () => {
    if (name in RAW) ws._socket.write(RAW[name]);
    if (name === 'cut-frame') setTimeout(() => ws.terminate(), 50);
    if (name === 'server-drops') ws.terminate();
    if (name === 'server-resets') ws._socket.resetAndDestroy();
  });
}

function connect(url) {
  const path = new URL(url).pathname;
  const name = path.split('/')[1];
  const ws = new WebSocket(url, { perMessageDeflate: !path.includes('plain') });
  watch('client', path, ws);
  ws.on('open', () => {
    ws.send('hi');
    if (name === 'client-closes') ws.close(4001, 'done');
    if (name === 'no-code') ws.close();
    if (name === 'too-big') ws.send('x'.repeat(5000));
    if (name === 'client-drops') setTimeout(() => ws.terminate(), 100);
    if (name === 'client-resets') setTimeout(() => ws._socket.resetAndDestroy(), 100);
    if (name === 'half-close') setTimeout(() => ws._socket.end(), 100);
    if (name === 'client-hangs' || name === 'unanswered-pings') {
      setTimeout(() => process.kill(process.pid, 'SIGSTOP'), 50);
    }
  });
  ws.on('message', () => {
    if (name === 'client-has-its-own-code') ws.close(4002, 'client done');
  });
}

if (command === 'connect') {
  connect(target);
} else {
  const options = { host: '127.0.0.1', port: Number(target), maxPayload: 1000, perMessageDeflate: true };
  const server = new WebSocketServer(options, () => console.log('ready'));
  server.on('connection', serve);
}
