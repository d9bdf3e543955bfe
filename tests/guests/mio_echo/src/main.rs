//! A TCP echo server on mio alone. It asks for writability only while it has something to write,
//! and counts on no edge it has not used up, so it works on a level-triggered host as on an
//! edge-triggered one.
//!
//! The port comes from `PORT` (9000 if unset, 0 for any free one) and is printed once it listens.

use std::collections::HashMap;
use std::env;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};

const LISTENER: Token = Token(0);

/// A peer that sends but does not read is not read from while this much waits for it.
const PENDING_MAX: usize = 256 * 1024;

struct Connection {
    stream: TcpStream,
    pending: Vec<u8>,
    input_ended: bool,
    interest: Interest,
}

impl Connection {
    /// Moves what can be moved both ways; false when the connection is finished.
    fn turn(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 16 * 1024];
        loop {
            if !self.write_pending()? {
                break;
            }
            if self.input_ended {
                return Ok(false);
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => self.input_ended = true,
                Ok(n) => self.pending.extend_from_slice(&chunk[..n]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }

    /// True when there is room to read more.
    fn write_pending(&mut self) -> io::Result<bool> {
        let mut written = 0;
        while written < self.pending.len() {
            match self.stream.write(&self.pending[written..]) {
                Ok(n) => written += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.pending.drain(..written);
        Ok(self.pending.is_empty() || (!self.input_ended && self.pending.len() < PENDING_MAX))
    }

    fn update_interest(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let may_read = !self.input_ended && self.pending.len() < PENDING_MAX;
        let wanted = match (may_read, self.pending.is_empty()) {
            (true, true) => Interest::READABLE,
            (true, false) => Interest::READABLE | Interest::WRITABLE,
            (false, _) => Interest::WRITABLE,
        };
        if wanted != self.interest {
            registry.reregister(&mut self.stream, token, wanted)?;
            self.interest = wanted;
        }
        Ok(())
    }
}

fn port() -> u16 {
    match env::var("PORT") {
        Ok(text) => text.parse().expect("PORT is not a port number"),
        Err(_) => 9000,
    }
}

fn main() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(128);
    let mut connections: HashMap<Token, Connection> = HashMap::new();
    let mut next_token = LISTENER.0 + 1;

    let mut listener = TcpListener::bind(SocketAddr::from(([0, 0, 0, 0], port())))?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("listening on {}", listener.local_addr()?);

    loop {
        poll.poll(&mut events, None)?;
        for event in events.iter() {
            let token = event.token();
            if token == LISTENER {
                accept_all(
                    &listener,
                    poll.registry(),
                    &mut connections,
                    &mut next_token,
                )?;
                continue;
            }
            // A connection can be named twice in one list, and be gone at the second time.
            let connection = match connections.get_mut(&token) {
                Some(connection) => connection,
                None => continue,
            };
            // A peer that resets ends its own connection and nothing else.
            if connection.turn().unwrap_or(false) {
                connection.update_interest(poll.registry(), token)?;
            } else if let Some(mut connection) = connections.remove(&token) {
                poll.registry().deregister(&mut connection.stream)?;
            }
        }
    }
}

fn accept_all(
    listener: &TcpListener,
    registry: &Registry,
    connections: &mut HashMap<Token, Connection>,
    next_token: &mut usize,
) -> io::Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            // Nobody waits, the peer has gone again, or no descriptor is free: the next event
            // tries again, and the connections there are go on.
            Err(_) => return Ok(()),
        };
        let token = Token(*next_token);
        *next_token += 1;
        registry.register(&mut stream, token, Interest::READABLE)?;
        let connection = Connection {
            stream,
            pending: Vec::new(),
            input_ended: false,
            interest: Interest::READABLE,
        };
        connections.insert(token, connection);
    }
}
