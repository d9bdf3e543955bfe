//! The command line that all releases share.
//!
//!   get URL [NAME:VALUE...]           one GET
//!   post URL BODY [NAME:VALUE...]     one POST
//!   send METHOD URL [BODY [NAME:VALUE...]]
//!   hold COUNT URL                    COUNT GETs whose responses stay open until the end
//!
//! Without arguments the variable URL is asked with GET and then with POST and the body `hello`.
//!
//! Printed are `status N`, a line `header NAME: VALUE` for each header in the order of their names,
//! `asked content-type: VALUE` where the release can ask for one, `body LENGTH` and the body. What
//! fails prints `error TEXT` with the release's own text, and ends with status 1.

use bytes::Bytes;
use http::Request;
use std::{env, io::Write, process};

/// What is to be sent, and how many times before the first response is let go.
pub struct Task {
    pub request: Request<Option<Bytes>>,
    pub count: usize,
}

/// What a release says when it fails; 0.1 to 0.10 have no error type in common.
pub type Failure = String;

pub fn main(perform: fn(&Task) -> Result<(), Failure>) {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for task in tasks(&words) {
        if let Err(text) = task.and_then(|task| perform(&task)) {
            println!("error {}", text);
            process::exit(1);
        }
    }
}

fn tasks(words: &[&str]) -> Vec<Result<Task, Failure>> {
    match words {
        ["get", url, headers @ ..] => vec![task("GET", url, None, headers)],
        ["post", url, body, headers @ ..] => vec![task("POST", url, Some(body), headers)],
        ["send", method, url] => vec![task(method, url, None, &[])],
        ["send", method, url, body, headers @ ..] => vec![task(method, url, Some(body), headers)],
        ["hold", count, url] => vec![task("GET", url, None, &[]).map(|task| Task {
            count: count.parse().unwrap_or(1),
            ..task
        })],
        [] => {
            let url = env::var("URL").unwrap_or_default();
            vec![
                task("GET", &url, None, &[]),
                task("POST", &url, Some("hello"), &["content-type:text/plain"]),
            ]
        }
        _ => vec![Err(
            "usage: get URL | post URL BODY | send METHOD URL | hold COUNT URL".into(),
        )],
    }
}

fn task(method: &str, url: &str, body: Option<&str>, headers: &[&str]) -> Result<Task, Failure> {
    let mut builder = Request::builder().method(method).uri(url);
    for header in headers {
        let (name, value) = header.split_once(':').unwrap_or((header, ""));
        builder = builder.header(name, value);
    }
    let body = body.map(|text| Bytes::copy_from_slice(text.as_bytes()));
    let request = builder.body(body).map_err(|e| e.to_string())?;
    Ok(Task { request, count: 1 })
}

/// Requests cannot be cloned in the http crate of that time.
pub fn copy(request: &Request<Option<Bytes>>) -> Request<Option<Bytes>> {
    let mut copy = Request::new(request.body().clone());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

pub fn print_headers(headers: &http::HeaderMap) {
    let mut lines: Vec<String> = headers
        .iter()
        .map(|(name, value)| {
            format!(
                "header {}: {}",
                name,
                String::from_utf8_lossy(value.as_bytes())
            )
        })
        .collect();
    lines.sort();
    for line in lines {
        println!("{}", line);
    }
}

pub fn print_body(body: &[u8]) {
    println!("body {}", body.len());
    let mut out = std::io::stdout();
    out.write_all(body)
        .and_then(|()| out.write_all(b"\n"))
        .unwrap_or_default();
}
