// Speaks the protocol of `wsclose decode --json` for npm's ws. It uses ws's Receiver as a connection does.
//
//     npm install --prefix /tmp/ws ws
//     NODE_PATH=/tmp/ws/node_modules python3 tests/vectors/run.py --ignore error_kind --ignore consumed \
//         -- node tests/vectors/adapters/node_ws.mjs

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline/promises';
import { setImmediate } from 'node:timers/promises';
import { parseArgs } from 'node:util';

// Unlike `import`, `createRequire` looks into NODE_PATH.
const { Receiver } = createRequire(import.meta.url)('ws');

async function decode(data, role) {
  const none = { code: null, has_code: null, reason: null, error_kind: null, fail_code: null, consumed: null };
  const answer = { outcome: 'incomplete', ...none };
  // The vectors are about Close frames. Data, pings and pongs are left to the owner of the framing.
  const other = data.length > 0 && [0x0, 0x1, 0x2, 0x9, 0xa].includes(data[0] & 0x0f);
  if (other) return { ...answer, outcome: 'other_opcode' };
  const receiver = new Receiver({ isServer: role === 'server' });
  receiver.on('conclude', (code, reason) => {
    Object.assign(answer, { outcome: 'ok', code, has_code: code !== 1005, reason: reason.toString() });
  });
  receiver.on('error', (error) => {
    // The code that ws then sends.
    const status = Object.getOwnPropertySymbols(error).find((symbol) => symbol.description === 'status-code');
    Object.assign(answer, { outcome: 'error', fail_code: error[status] });
  });
  receiver.write(data);
  await setImmediate();
  return answer;
}

// A server's Close frame around a payload.
function framed(payload) {
  const length = payload.length < 126 ? [payload.length] : [126, payload.length >> 8, payload.length & 0xff];
  return Buffer.from([0x88, ...length, ...payload]);
}

const options = { payload: { type: 'boolean' }, role: { type: 'string', default: 'client' } };
const { values, positionals } = parseArgs({ options, allowPositionals: true });
for await (const line of positionals.length > 0 ? positionals : createInterface({ input: process.stdin })) {
  const data = Buffer.from(line, 'hex');
  console.log(JSON.stringify(await (values.payload ? decode(framed(data), 'client') : decode(data, values.role))));
}
