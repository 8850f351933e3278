// Runs the module on all codes with all lengths of payload, against its own table: `node wasm.mjs probes.wasm`.
import { readFileSync } from "node:fs";
import assert from "node:assert";

const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]));
const { memory, buffer, decode, reencode } = instance.exports;
const bytes = new Uint8Array(memory.buffer, buffer(), 256);

const mayBeSent = (code) =>
  (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);

let size = 0;
let accepted = 0;
for (let code = 0; code < 65536; code++) {
  for (let len = 0; len <= 126; len++) {
    bytes.fill(0x72);
    bytes[0] = code >> 8;
    bytes[1] = code & 255;
    size++;
    let expected = code;
    if (len === 0) expected = 0;
    else if (len === 1 || len === 126 || !mayBeSent(code)) expected = -1002;
    const decoded = decode(len);
    if (decoded !== expected) assert.fail(`${decoded} for code ${code} with ${len} bytes`);
    if (len > 1 && decoded > 0) {
      accepted++;
      if (reencode(len) !== len) assert.fail(`code ${code} with ${len} bytes is encoded to another length`);
      if (bytes[0] !== code >> 8 || bytes[1] !== (code & 255)) assert.fail(`code ${code} is encoded to another`);
      for (let at = 2; at <= len; at++) {
        if (bytes[at] !== (at < len ? 0x72 : 0)) assert.fail(`byte ${at} of code ${code} with ${len} bytes`);
      }
    }
  }
}
// A reason that is not UTF-8.
bytes.set([0x03, 0xe8, 0xed, 0xa0, 0x80]);
assert.equal(decode(5), -1007);
assert.equal(accepted, 2012 * 124);
const counts = `${size} payloads decoded, ${accepted} accepted and encoded again`;
console.log(`targets: wasm32 in node ${process.version}: ${counts}`);
