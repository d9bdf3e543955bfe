//! The client on release 0.10.0; handle.rs says what it does.
mod command;
mod handle;

use published_0_10_0 as published;

fn main() {
    command::main(handle::perform)
}
