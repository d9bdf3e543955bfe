// Makes one HTTP request: the body goes to stdout as it arrives, status and headers to stderr.
//
//   outbound get URL
//   outbound post URL TEXT
//
// Exit status 0 for a response of 200 to 299, 1 for any other, 2 when there is none.

import { fd_write, iovec } from "@assemblyscript/wasi-shim/assembly/bindings/wasi_snapshot_preview1";
import { HttpError, Method, RequestBuilder, Response, errorText } from "hythe-http";

function say(line: string): void {
  process.stderr.write(line + "\n");
}

function fail(what: string, error: HttpError): void {
  say("outbound: " + what + ": " + errorText(error));
  process.exit(2);
}

function builderFor(words: string[]): RequestBuilder | null {
  if (words.length == 3 && words[1] == "get") {
    return new RequestBuilder(words[2]);
  }
  if (words.length == 4 && words[1] == "post") {
    return new RequestBuilder(words[2])
      .method(Method.POST)
      .header("content-type", "text/plain; charset=utf-8")
      .body(String.UTF8.encode(words[3]));
  }
  return null;
}

function printHead(response: Response): void {
  say("status " + response.status.toString());
  const headers = response.headersGetAll();
  const names = headers.keys();
  for (let i = 0; i < names.length; i++) {
    say(names[i] + ": " + headers.get(names[i]));
  }
}

const vector = new iovec();
const written = new ArrayBuffer(4);

// process.stdout.write takes what a pipe has room for as all of it.
function writeAll(part: ArrayBuffer, length: i32): void {
  let done = 0;
  while (done < length) {
    vector.buf = changetype<usize>(part) + done;
    vector.buf_len = length - done;
    const error = fd_write(1, changetype<usize>(vector), 1, changetype<usize>(written));
    if (error != 0) throw new Error("cannot write");
    done += load<i32>(changetype<usize>(written));
  }
}

function printBody(response: Response): void {
  const part = new ArrayBuffer(65536);
  let length = response.tryBodyRead(part);
  while (length > 0) {
    writeAll(part, length);
    length = response.tryBodyRead(part);
  }
  if (length < 0) fail("body", -length);
}

function main(): void {
  const builder = builderFor(process.argv);
  if (builder === null) {
    say("usage: outbound get URL | outbound post URL TEXT");
    process.exit(2);
    return;
  }
  const attempt = builder.trySend();
  const response = attempt.response;
  if (response === null) {
    fail(process.argv[2], attempt.error);
    return;
  }
  printHead(response);
  printBody(response);
  response.close();
  process.exit(response.status / 100 == 2 ? 0 : 1);
}

main();
