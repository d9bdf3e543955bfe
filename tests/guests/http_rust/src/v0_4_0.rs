//! The client on release 0.4.0; handle.rs says what it does.
mod command;
mod handle;

use published_0_4_0 as published;

fn main() {
    command::main(handle::perform)
}
