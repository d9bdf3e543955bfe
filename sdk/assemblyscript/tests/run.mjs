// Runs the tests of all.ts under a host of its own making.

import { deepStrictEqual, match, ok } from "node:assert";
import { readFile } from "node:fs/promises";

const module = await WebAssembly.compile(
  await readFile(new URL("./build/all.wasm", import.meta.url)),
);

class Exit extends Error {}

// A host that answers every request the same way and keeps what it was asked.
function host(answer) {
  const state = { memory: null, requests: [], open: 0, closed: 0, stderr: "" };
  const parts = (answer.parts ?? []).map((part) => Buffer.from(part));
  const bytes = (at, length) => Buffer.from(state.memory.buffer, at, length);
  const give = (value, at, size, ret) => {
    if (value.length > size) return 4;
    value.copy(bytes(at, size));
    bytes(ret, 4).writeUInt32LE(value.length);
    return 0;
  };
  const http = {
    req(...a) {
      const [url, method, headers, body] = [0, 2, 4, 6].map((i) => bytes(a[i], a[i + 1]).toString());
      state.requests.push({ url, method, headers, body });
      if (answer.refuse) return answer.refuse;
      bytes(a[8], 2).writeUInt16LE(answer.status ?? 200);
      bytes(a[9], 4).writeUInt32LE(state.open++);
      return 0;
    },
    close() {
      state.closed++;
      return 0;
    },
    header_get(handle, name, nameLength, value, size, ret) {
      const prefix = bytes(name, nameLength).toString().toLowerCase() + ":";
      const line = answer.headers.split("\n").find((line) => line.startsWith(prefix));
      return line ? give(Buffer.from(line.slice(prefix.length)), value, size, ret) : 5;
    },
    headers_get_all: (handle, block, size, ret) =>
      give(Buffer.from(answer.headers), block, size, ret),
    body_read(handle, buffer, size, ret) {
      if (parts.length === 0) {
        bytes(ret, 4).writeUInt32LE(0);
        return answer.end ?? 0;
      }
      const part = parts[0].subarray(0, size);
      parts[0] = parts[0].subarray(part.length);
      if (parts[0].length === 0) parts.shift();
      return give(part, buffer, size, ret);
    },
  };
  const wasi = {
    fd_write(fd, vector, count, ret) {
      let length = 0;
      for (let i = 0; i < count; i++) {
        const [at, size] = [0, 4].map((o) => bytes(vector + 8 * i + o, 4).readUInt32LE());
        state.stderr += bytes(at, size).toString();
        length += size;
      }
      bytes(ret, 4).writeUInt32LE(length);
      return 0;
    },
    proc_exit(status) {
      throw new Exit(status);
    },
  };
  return { state, imports: { wasi_experimental_http: http, wasi_snapshot_preview1: wasi } };
}

async function run(name, answer = {}) {
  const { state, imports } = host(answer);
  const { exports } = await WebAssembly.instantiate(module, imports);
  state.memory = exports.memory;
  try {
    exports._start();
    exports[name]();
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    state.status = error.message;
  }
  if (!name.endsWith("_ends_the_module")) {
    deepStrictEqual(state.stderr, "", name);
    deepStrictEqual(state.closed, state.open, `${name}: each response is closed once`);
  }
  return state;
}

const tests = {
  async methods(name) {
    const { requests } = await run(name);
    deepStrictEqual(
      requests.map((request) => request.method),
      ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"],
    );
  },
  async request_parts(name) {
    const { requests } = await run(name, { status: 201 });
    deepStrictEqual(requests, [
      {
        url: "http://h:1/ü?q=1",
        method: "POST",
        headers: "Content-Type:text/plain\ntime:12:30:00\n",
        body: "a body",
      },
    ]);
  },
  headers: (name) =>
    run(name, {
      headers:
        "date:Sun, 01 Jan 2023 14:00:00 GMT\nlocation: http://h:80/x\r\n" +
        "vary:a\nvary:b\nempty:\n",
    }),
  long_headers: (name) => run(name, { headers: `long:${"x".repeat(9000)}\n` }),
  body_parts: (name) => run(name, { parts: ["abcd"] }),
  body_all: (name) =>
    run(name, { parts: [0, 1].map((half) => Array.from({ length: 50000 }, (_, i) => (half * 50000 + i) % 251)) }),
  broken_body: (name) => run(name, { parts: ["half"], end: 11 }),
  async broken_body_ends_the_module(name) {
    const { status, stderr } = await run(name, { parts: ["half"], end: 11 });
    deepStrictEqual(status, "255");
    match(stderr, /reading the body: the request failed/);
  },
  refused: (name) => run(name, { refuse: 7 }),
  async refused_ends_the_module(name) {
    const { status, stderr } = await run(name, { refuse: 7 });
    deepStrictEqual(status, "255");
    match(stderr, /http:\/\/h\/: the host does not allow this destination/);
  },
  async smuggled_headers(name) {
    deepStrictEqual((await run(name)).requests, []);
  },
};

const exported = WebAssembly.Module.exports(module).map((row) => row.name);
for (const [name, test] of Object.entries(tests)) {
  ok(exported.includes(name), name);
  await test(name);
  console.log(`ok ${name}`);
}
