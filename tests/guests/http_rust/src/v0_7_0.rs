//! The client on release 0.7.0; handle.rs says what it does.
mod command;
mod handle;

use published_0_7_0 as published;

fn main() {
    command::main(handle::perform)
}
