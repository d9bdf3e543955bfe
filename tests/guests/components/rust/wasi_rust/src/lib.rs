//! A responder of wasi:http on the published bindings.
//!
//! `/hello` (and `/`) says hello, `/echo` copies the body as it comes, `/headers` lists the request's
//! fields, `/panic` panics.

use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::StreamError;

struct Responder;

wasip2::http::proxy::export!(Responder);

impl wasip2::exports::http::incoming_handler::Guest for Responder {
    fn handle(request: IncomingRequest, param: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        match target.split('?').next().unwrap_or_default() {
            "/" | "/hello" => say(param, 200, b"hello"),
            "/echo" => echo(&request, param),
            "/headers" => say(param, 200, &list(&request.headers())),
            "/panic" => panic!("on purpose"),
            _ => say(param, 404, b"no such way\n"),
        }
    }
}

/// Gives the host a response and opens its body.
fn open(param: ResponseOutparam, status: u16, content_type: &str) -> OutgoingBody {
    let headers = Fields::new();
    headers
        .append("content-type", content_type.as_bytes())
        .expect("a plain field is taken");
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).expect("a common status is taken");
    let body = response.body().expect("the body was not asked for before");
    ResponseOutparam::set(param, Ok(response));
    body
}

fn say(param: ResponseOutparam, status: u16, text: &[u8]) {
    let body = open(param, status, "text/plain");
    {
        let stream = body.write().expect("the stream was not asked for before");
        for piece in text.chunks(4096) {
            if stream.blocking_write_and_flush(piece).is_err() {
                return;
            }
        }
    }
    // The client may be gone by now; there is nobody else to tell.
    let _ = OutgoingBody::finish(body, None);
}

fn echo(request: &IncomingRequest, param: ResponseOutparam) {
    let body = open(param, 200, "application/octet-stream");
    let source = request.consume().expect("the body was not asked for before");
    let ended = {
        let from = source.stream().expect("the stream was not asked for before");
        let to = body.write().expect("the stream was not asked for before");
        loop {
            match to.blocking_splice(&from, 64 * 1024) {
                Ok(_) => {}
                Err(StreamError::Closed) => break to.blocking_flush().is_ok(),
                Err(StreamError::LastOperationFailed(_)) => break false,
            }
        }
    };
    IncomingBody::finish(source);
    // A body that is dropped unfinished is cut off, which is the truth.
    if ended {
        let _ = OutgoingBody::finish(body, None);
    }
}

fn list(headers: &Fields) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in headers.entries() {
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(&value);
        text.push(b'\n');
    }
    text
}
