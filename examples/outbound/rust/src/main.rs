//! Makes one HTTP request: the body goes to stdout as it arrives, status and headers to stderr.
//!
//!   outbound get URL
//!   outbound post URL TEXT
//!
//! Exit status 0 for a response of 200 to 299, 1 for any other, 2 when there is none.

use hythe_http::{Error, Response};
use std::io::{self, Read, Write};
use std::{env, process};

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let status = match run(&words) {
        Ok(success) => i32::from(!success),
        Err(error) => {
            eprintln!("outbound: {error}");
            2
        }
    };
    process::exit(status);
}

fn run(words: &[&str]) -> io::Result<bool> {
    let mut response = send(words)?;
    eprintln!("status {}", response.status().as_u16());
    for (name, value) in response.headers() {
        eprintln!("{}: {}", name, String::from_utf8_lossy(value.as_bytes()));
    }
    print_body(response.body_mut())?;
    Ok(response.status().is_success())
}

fn send(words: &[&str]) -> Result<Response, Error> {
    match words {
        ["get", url] => hythe_http::get(*url).send(),
        ["post", url, text] => hythe_http::post(*url)
            .header("content-type", "text/plain; charset=utf-8")
            .body(text.to_string())
            .send(),
        _ => {
            eprintln!("usage: outbound get URL | outbound post URL TEXT");
            process::exit(2);
        }
    }
}

/// Like io::copy, but shows each part when it is there: stdout alone waits for the end of a line.
fn print_body(body: &mut impl Read) -> io::Result<()> {
    let mut part = vec![0; 65536];
    let mut out = io::stdout();
    loop {
        let len = body.read(&mut part)?;
        if len == 0 {
            return Ok(());
        }
        out.write_all(&part[..len])?;
        out.flush()?;
    }
}
