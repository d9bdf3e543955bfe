//! An HTTP service as a component: `GET /` says hello, `POST /echo` sends the body back as it comes.

use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Service;

wasip2::http::proxy::export!(Service);

impl wasip2::exports::http::incoming_handler::Guest for Service {
    fn handle(request: IncomingRequest, param: ResponseOutparam) {
        match request.path_with_query().as_deref() {
            Some("/") => say(param, 200, "Hello from Rust\n"),
            Some("/echo") => echo(&request, param),
            _ => say(param, 404, "not found\n"),
        }
    }
}

/// Gives the host a response and opens its body.
fn respond(param: ResponseOutparam, status: u16) -> OutgoingBody {
    let headers = Fields::new();
    headers.append("content-type", b"text/plain").expect("a field that is in order");
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).expect("a status that is in order");
    let body = response.body().expect("the first call");
    ResponseOutparam::set(param, Ok(response));
    body
}

fn say(param: ResponseOutparam, status: u16, text: &str) {
    let body = respond(param, status);
    let stream = body.write().expect("the first call");
    let written = stream.blocking_write_and_flush(text.as_bytes());
    // The stream goes before the body.
    drop(stream);
    if written.is_ok() {
        let _ = OutgoingBody::finish(body, None);
    }
}

fn echo(request: &IncomingRequest, param: ResponseOutparam) {
    let body = respond(param, 200);
    let source = request.consume().expect("the first call");
    let from = source.stream().expect("the first call");
    let to = body.write().expect("the first call");
    // The bytes need not pass through the component's memory.
    while to.blocking_splice(&from, 64 * 1024).is_ok() {}
    let flushed = to.blocking_flush();
    drop((from, to));
    if flushed.is_ok() {
        let _ = OutgoingBody::finish(body, None);
    }
}
