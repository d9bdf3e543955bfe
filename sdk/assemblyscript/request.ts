import { HttpError, check } from "./error";
import { encodeHeaders } from "./headers";
import { Method, methodName } from "./method";
import * as raw from "./raw";
import { Response } from "./response";

// What came of a request that was allowed to fail: a response, or an error that is not Success.
export class Attempt {
  constructor(
    public error: HttpError,
    public response: Response | null
  ) {}
}

export class Request {
  constructor(
    public url: string,
    public method: Method = Method.GET,
    public headers: Map<string, string> = new Map<string, string>(),
    public body: ArrayBuffer = new ArrayBuffer(0)
  ) {}
}

// Sends a request and waits for the head of the response. Failing ends the module with a text on
// stderr; tryRequest lets it go on.
export function request(request: Request): Response {
  const attempt = tryRequest(request);
  check(request.url, attempt.error);
  return attempt.response!;
}

export function tryRequest(request: Request): Attempt {
  const lines = encodeHeaders(request.headers);
  if (lines === null) return new Attempt(HttpError.InvalidEncoding, null);

  const url = String.UTF8.encode(request.url);
  const method = String.UTF8.encode(methodName(request.method));
  const headers = String.UTF8.encode(lines);
  // The status in the first two bytes, the handle in the last four.
  const ret = new ArrayBuffer(8);
  const error = raw.req(
    changetype<usize>(url),
    url.byteLength,
    changetype<usize>(method),
    method.byteLength,
    changetype<usize>(headers),
    headers.byteLength,
    changetype<usize>(request.body),
    request.body.byteLength,
    changetype<usize>(ret),
    changetype<usize>(ret) + 4
  );
  if (error != 0) return new Attempt(error, null);
  const status = load<u16>(changetype<usize>(ret));
  const handle = load<u32>(changetype<usize>(ret), 4);
  return new Attempt(HttpError.Success, new Response(status, handle));
}

export class RequestBuilder {
  private request: Request;

  constructor(url: string) {
    this.request = new Request(url);
  }

  method(method: Method): RequestBuilder {
    this.request.method = method;
    return this;
  }

  // The last value of a name is the one that is sent.
  header(name: string, value: string): RequestBuilder {
    this.request.headers.set(name, value);
    return this;
  }

  body(body: ArrayBuffer): RequestBuilder {
    this.request.body = body;
    return this;
  }

  send(): Response {
    return request(this.request);
  }

  trySend(): Attempt {
    return tryRequest(this.request);
  }
}
