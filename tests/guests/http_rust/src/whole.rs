//! Releases 0.1 and 0.2: one call brings the whole response through the guest's exported alloc.

use crate::command::{copy, print_body, print_headers, Failure, Task};
use crate::published;

pub fn perform(task: &Task) -> Result<(), Failure> {
    for _ in 0..task.count {
        let response = published::request(copy(&task.request)).map_err(|e| e.to_string())?;
        println!("status {}", response.status().as_u16());
        print_headers(response.headers());
        print_body(response.body());
    }
    Ok(())
}
