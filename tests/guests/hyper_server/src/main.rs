//! The article's greeting server. One source, built twice: for WasmEdge sockets with the `_wasi`
//! crates, and natively (bench/native/hyper_server) as the yardstick of the benchmark. Nothing in
//! here may therefore ask which of the two it is.
//!
//! `GET /` greets the world, `POST /hello` greets whoever the body names. The port comes from
//! `PORT` (8080 if unset, 0 for any free one) and is printed once the server listens.

use std::convert::Infallible;
use std::env;
use std::net::SocketAddr;

use hyper::service::{make_service_fn, service_fn};
use hyper::{Body, Method, Request, Response, Server, StatusCode};

async fn answer(request: Request<Body>) -> Result<Response<Body>, hyper::Error> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => Ok(Response::new(Body::from("👋 Hello World 🌍"))),

        (&Method::POST, "/hello") => {
            let body = hyper::body::to_bytes(request.into_body()).await?;
            let name = String::from_utf8_lossy(&body);
            Ok(Response::new(Body::from(format!("👋 Hello {}", name))))
        }

        _ => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_FOUND;
            Ok(response)
        }
    }
}

fn port() -> u16 {
    match env::var("PORT") {
        Ok(text) => text.parse().expect("PORT is not a port number"),
        Err(_) => 8080,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), hyper::Error> {
    let address = SocketAddr::from(([0, 0, 0, 0], port()));
    let make_service = make_service_fn(|_| async { Ok::<_, Infallible>(service_fn(answer)) });

    let server = Server::try_bind(&address)?.serve(make_service);
    println!("listening on {}", server.local_addr());
    server.await
}
