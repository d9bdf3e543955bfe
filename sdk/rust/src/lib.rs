//! HTTP requests from a WebAssembly module, on the imports of `wasi_experimental_http`.
//!
//! ```no_run
//! use std::io;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut response = hythe_http::get("http://127.0.0.1:8000/").send()?;
//!     println!("{}", response.status());
//!     // The body comes as it arrives: it is never held whole.
//!     io::copy(response.body_mut(), &mut io::stdout())?;
//!     Ok(())
//! }
//! ```
//!
//! Requests and responses are those of the [`http`] crate. [`get`], [`post`] and [`request`] begin
//! a request; [`send`] takes one that is already built. All calls wait for their answer. A response
//! is let go when its [`Body`] is dropped, read to its end or not.
//!
//! The crate compiles everywhere, so that code that uses it can be tested natively, but outside of
//! WebAssembly each request fails with [`Error::Runtime`].

#![warn(missing_docs)]

mod body;
mod error;
mod headers;
pub mod raw;
mod request;

pub use body::Body;
pub use bytes::Bytes;
pub use error::Error;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
pub use request::{delete, get, head, post, put, request, send, RequestBuilder};

/// A request whose body is in memory.
pub type Request = http::Request<Bytes>;

/// A response: status and all headers are there, the body is still on its way.
pub type Response = http::Response<Body>;
