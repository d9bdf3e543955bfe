// One function a test; run.mjs answers their requests and says what came over.

import { Attempt, HttpError, Method, Request, RequestBuilder, errorText, tryRequest } from "../index";

export function methods(): void {
  for (let method = Method.GET; method <= Method.PATCH; method++) {
    new RequestBuilder("http://h/").method(method).send().close();
  }
}

export function request_parts(): void {
  const response = new RequestBuilder("http://h:1/ü?q=1")
    .method(Method.POST)
    .header("Content-Type", "text/plain")
    .header("time", "12:30:00")
    .body(String.UTF8.encode("a body"))
    .send();
  assert(response.status == 201);
  response.close();
  response.close();
}

export function headers(): void {
  const response = new RequestBuilder("http://h/").send();
  const date = response.headerGet("Date");
  assert(date == "Sun, 01 Jan 2023 14:00:00 GMT");
  assert(date.length == 29);
  assert(response.headerGet("absent") == "");
  const all = response.headersGetAll();
  assert(all.get("date") == date);
  assert(all.get("location") == "http://h:80/x");
  assert(all.get("vary") == "a, b");
  assert(all.get("empty") == "");
  assert(all.size == 4);
  assert(response.headerGetAll().size == 4);
  const vary = response.headerValues("VARY");
  assert(vary.length == 2 && vary[0] == "a" && vary[1] == "b");
  response.close();
}

export function long_headers(): void {
  const response = new RequestBuilder("http://h/").send();
  assert(response.headerGet("long").length == 9000);
  assert(response.headersGetAll().get("long").length == 9000);
  response.close();
}

export function body_parts(): void {
  const response = new RequestBuilder("http://h/").send();
  const buffer = new ArrayBuffer(3);
  assert(response.bodyRead(buffer) == 3);
  assert(String.UTF8.decode(buffer) == "abc");
  assert(response.bodyRead(buffer) == 1);
  assert(response.bodyRead(buffer) == 0);
  response.close();
  assert(response.tryBodyRead(buffer) == -HttpError.InvalidHandle);
}

export function body_all(): void {
  const response = new RequestBuilder("http://h/").send();
  const body = response.bodyReadAll();
  assert(body.length == 100000);
  for (let i = 0; i < body.length; i++) {
    assert(body[i] == <u8>(i % 251));
  }
  response.close();
}

export function broken_body(): void {
  const response = new RequestBuilder("http://h/").send();
  assert(response.tryBodyRead(new ArrayBuffer(9)) == 4);
  assert(response.tryBodyRead(new ArrayBuffer(9)) == -HttpError.RequestFailed);
  response.close();
}

export function broken_body_ends_the_module(): void {
  new RequestBuilder("http://h/").send().bodyReadAll();
}

export function refused(): void {
  const attempt = new RequestBuilder("http://h/").trySend();
  assert(attempt.response === null);
  assert(attempt.error == HttpError.DestinationNotAllowed);
  assert(errorText(attempt.error) == "the host does not allow this destination");
}

export function refused_ends_the_module(): void {
  new RequestBuilder("http://h/").send();
}

function withHeader(name: string, value: string): Attempt {
  const headers = new Map<string, string>();
  headers.set(name, value);
  return tryRequest(new Request("http://h/", Method.GET, headers));
}

export function smuggled_headers(): void {
  assert(withHeader("a", "1\nb:2").error == HttpError.InvalidEncoding);
  assert(withHeader("a:b", "1").error == HttpError.InvalidEncoding);
  assert(withHeader("", "1").error == HttpError.InvalidEncoding);
}
