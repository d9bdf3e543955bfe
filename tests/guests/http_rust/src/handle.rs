//! Releases 0.3 to 0.10: the host keeps the response, and the guest asks it piece by piece.

use crate::command::{copy, print_body, print_headers, Failure, Task};
use crate::published;

pub fn perform(task: &Task) -> Result<(), Failure> {
    // Held until the end: a response closes its handle when it is dropped.
    let mut held = Vec::new();
    for _ in 0..task.count {
        let mut response = published::request(copy(&task.request)).map_err(text)?;
        println!("status {}", response.status_code.as_u16());
        print_headers(&response.headers_get_all().map_err(text)?);
        match response.header_get("content-type".to_string()) {
            Ok(value) => println!("asked content-type: {}", value),
            Err(e) => println!("asked content-type: error {}", text(e)),
        }
        print_body(&response.body_read_all().map_err(text)?);
        held.push(response);
    }
    Ok(())
}

fn text(error: impl std::fmt::Display) -> Failure {
    error.to_string()
}
